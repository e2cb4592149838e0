/** Keys of challenges change when they are due, in every worker; a failure is said, and tried again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { againMs, renewChallengeKeys } from '#roles/challenge-key-rotation.ts';
import { challengeKeyMs, challengeKeysFile, readChallengeKeys } from '#state/challenge-keys.ts';
import { openStateDirectory } from '#state/state-directory.ts';
import { createLog } from '#telemetry/log.ts';

test('due keys go to the workers; what fails leaves the old ones and is tried again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-rotation-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { path } = openStateDirectory(join(folder, 'state'));
  const now = Date.parse('2026-01-01T00:00:00Z');
  const due = now + challengeKeyMs;
  const first = await readChallengeKeys(path, now);
  const sent: (readonly Uint8Array[])[] = [];
  const said: (string | null)[] = [];
  const supervisor = {
    changeChallengeKeys: async (keys: readonly Uint8Array[]) => {
      sent.push(keys);
      return 2;
    },
    setDegraded: (_part: string, reason: string | null) => void said.push(reason),
  };
  const renew = (nowMs: number): Promise<number> =>
    renewChallengeKeys(path, supervisor, createLog('error', 'test'), nowMs);

  assert.equal(await renew(due), due + challengeKeyMs);
  assert.equal(sent[0]?.length, 2);
  assert.deepEqual(sent[0]?.[1], first.keys[0], 'the one before is still believed');

  writeFileSync(join(path, challengeKeysFile), 'nonsense\n');
  assert.equal(await renew(due + challengeKeyMs), due + challengeKeyMs + againMs);
  assert.equal(sent.length, 1);
  assert.match(said.at(-1) ?? '', /holds no challenge keys/);

  rmSync(join(path, challengeKeysFile));
  await renew(due + challengeKeyMs + againMs);
  assert.equal(sent.length, 2);
  assert.deepEqual(said, [null, said[1], null]);
});
