/** What is stapled when: from the authority, from what was kept, and not at all. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Config } from '#config/schema.ts';
import { OcspStapler } from '#roles/ocsp-stapler.ts';
import { OcspCache } from '#state/ocsp-cache.ts';
import { createLog } from '#telemetry/log.ts';
import { OcspAuthority } from '../support/ocsp-authority.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs the openssl command';
const log = createLog('error', 'test');

const configOf = (ocspStapling: boolean) =>
  ({ edge: { listeners: [{ tls: { ocspStapling } }] } }) as unknown as Config;

describe('stapling', { skip }, () => {
  let authority: OcspAuthority;
  let state: string;
  let degraded: Map<string, string>;
  let changes: number;

  before(async () => {
    authority = await OcspAuthority.start();
  });
  after(() => authority[Symbol.asyncDispose]());
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'weir-ocsp-state-'));
    degraded = new Map();
    changes = 0;
    authority.failure = null;
    authority.asked = 0;
    authority.times = ['-ndays', '7'];
    authority.setState('V');
  });

  afterEach(() => rmSync(state, { recursive: true }));

  const certificates = () => [{ listener: 0, cert: authority.chain, key: authority.key }];

  function start(): OcspStapler {
    const stapler = new OcspStapler(new OcspCache(state), log);
    stapler.staple(certificates(), configOf(true));
    stapler.start({
      onChange: async () => ++changes,
      setDegraded: (part, reason) => {
        if (reason === null) degraded.delete(part);
        else degraded.set(part, reason);
      },
    });
    return stapler;
  }

  const stapled = (stapler: OcspStapler, on = true): Uint8Array | undefined =>
    stapler.staple(certificates(), configOf(on))[0]?.ocsp;

  it('nothing at first, then the response, asked for once', async () => {
    const stapler = start();
    assert.equal(stapled(stapler), undefined);
    await stapler.look();
    assert.ok(stapled(stapler) !== undefined);
    await stapler.look();
    assert.equal(authority.asked, 1);
    assert.equal(changes, 1);
    assert.equal(stapled(stapler, false), undefined);
    stapler.close();
  });

  it('after a restart what was kept, without asking', async () => {
    const first = start();
    await first.look();
    const before = stapled(first);
    first.close();
    authority.failure = 'refuse';
    authority.asked = 0;
    const second = start();
    assert.deepEqual(stapled(second), before);
    await second.look();
    assert.equal(authority.asked, 0);
    second.close();
  });

  it('what was kept and is damaged is fetched anew', async () => {
    const first = start();
    await first.look();
    first.close();
    const [file = ''] = readdirSync(join(state, 'ocsp'));
    const path = join(state, 'ocsp', file);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 1));
    const second = start();
    assert.equal(stapled(second), undefined);
    await second.look();
    assert.deepEqual(Buffer.from(stapled(second) ?? []).length > 0, true);
    second.close();
  });

  const failures: readonly [what: string, prepare: () => void, says: RegExp][] = [
    ['an error', () => (authority.failure = 'refuse'), /answered 500; nothing is stapled$/],
    ['garbage', () => (authority.failure = 'garbage'), /does not parse/],
    ['more than is read', () => (authority.failure = 'large'), /answered more than 65536 bytes/],
    ['that it is revoked', () => authority.setState('R'), /says that it is revoked; nothing/],
  ];
  for (const [what, prepare, says] of failures) {
    it(`nothing when the authority answers ${what}, and the status says so`, async () => {
      prepare();
      const stapler = start();
      await stapler.look();
      assert.equal(stapled(stapler), undefined);
      assert.match([...degraded.values()].join(), says);
      assert.equal(changes, 0);
      // Nobody staples it any more: nothing is wrong any more.
      stapler.staple([], configOf(true));
      assert.equal(degraded.size, 0);
      stapler.close();
    });
  }
});
