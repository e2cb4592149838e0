/** The keys of challenges on disk: made once, changed in time, refused when they are none. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { challengeKeyMs, challengeKeysFile, readChallengeKeys } from '#state/challenge-keys.ts';
import { openStateDirectory } from '#state/state-directory.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-keys-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;
const fresh = (): string => openStateDirectory(join(root, `s${made++}`)).path;
const now = Date.parse('2026-01-01T00:00:00Z');

test('the first start makes a key, and the next one finds it', async () => {
  const path = fresh();
  const first = await readChallengeKeys(path, now);
  assert.equal(first.keys.length, 1);
  assert.equal(first.keys[0]?.length, 32);
  assert.equal(first.nextAtMs, now + challengeKeyMs);
  assert.equal(statSync(join(path, challengeKeysFile)).mode & 0o777, 0o600);
  chmodSync(join(path, challengeKeysFile), 0o644);
  assert.deepEqual(await readChallengeKeys(path, now + challengeKeyMs - 1), first);
  assert.equal(statSync(join(path, challengeKeysFile)).mode & 0o777, 0o600);
  assert.notDeepEqual((await readChallengeKeys(fresh(), now)).keys, first.keys);
});

test('a key signs for its time, is believed for as long again, and is gone', async () => {
  const path = fresh();
  const [first] = (await readChallengeKeys(path, now)).keys;
  const second = await readChallengeKeys(path, now + challengeKeyMs);
  assert.equal(second.keys.length, 2);
  assert.notDeepEqual(second.keys[0], first);
  assert.deepEqual(second.keys[1], first);
  assert.deepEqual(await readChallengeKeys(path, now + challengeKeyMs), second, 'a successor');
  const third = await readChallengeKeys(path, now + 2 * challengeKeyMs);
  assert.deepEqual(third.keys[1], second.keys[0]);
  assert.equal(third.keys.length, 2);
  assert.deepEqual(readdirSync(path).sort(), [challengeKeysFile, 'token'], 'nothing is left over');
});

test('a file that holds no keys is an error that says what to do', async () => {
  for (const text of [
    '',
    'x\n',
    '2026-01-01T00:00:00.000Z AAAA\n',
    `never ${'A'.repeat(43)}\n`,
    `2026-01-01T00:00:00.000Z ${'A'.repeat(43)}\n`.repeat(3),
  ]) {
    const path = fresh();
    writeFileSync(join(path, challengeKeysFile), text);
    await assert.rejects(readChallengeKeys(path, now), /holds no challenge keys; remove it/);
  }
});

test('a directory others could read is closed although the keys lie in it', async () => {
  const path = fresh();
  await readChallengeKeys(path, now);
  chmodSync(path, 0o755);
  openStateDirectory(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});
