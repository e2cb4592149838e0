/**
 * Debian's package of the Core Rule Set, version 3, found by its name alone: what it stops, what it lets pass, what a
 * paranoia level changes, and what has to be left out of its higher levels.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import { installedCrsFolder } from '#core/installed-rules.ts';
import { buildRuleSet } from '#toolchain/build-rule-set.ts';
import { attackFamilies, statusOf } from '../support/attack-families.ts';
import { type EchoOrigin, startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';

const skip = existsSync(`${installedCrsFolder}/rules`)
  ? false
  : 'modsecurity-crs is not installed (apt-get install modsecurity-crs)';

/** What version 3 has no rules for at its first level. */
const unknownToVersion3 = new Set(['a command of PowerShell', 'JavaScript of a server']);
const onlyAtLevel4 = { target: "/?x=it's%20me" };

describe('the Core Rule Set that is installed', { skip }, () => {
  let origin: EchoOrigin;
  let edge: EdgeProcess;
  let host = '';
  before(async () => {
    origin = await startEchoOrigin([]);
    edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { match: { path: /strict }, upstream: app, waf: { rules: [strict] } }
  - { upstream: app, waf: { rules: [crs] } }
waf:
  rules:
    crs: { seclang: ["installed:crs"], paranoia: 1 }
    strict: { seclang: ["installed:crs"], paranoia: 4, exclusions: [{ rules: ["942130"] }] }
kernel: { xdp: off }
`);
    host = `http://localhost:${edge.ports[0]}`;
  });
  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
  });

  for (const { name, attack, neighbour } of attackFamilies) {
    if (unknownToVersion3.has(name)) continue;
    it(`${name} is stopped, and its neighbour passes`, async () => {
      assert.equal(await statusOf(host, attack), 403);
      assert.equal(await statusOf(host, neighbour), 200);
    });
  }

  it('stops at paranoia 4 what passes at paranoia 1', async () => {
    assert.equal(await statusOf(host, onlyAtLevel4), 200);
    assert.equal(await statusOf(host, { target: `/strict${onlyAtLevel4.target}` }), 403);
  });

  it('names the rule that cannot be run, and what to do about it', () => {
    assert.throws(
      () =>
        buildRuleSet(
          {
            name: 'crs',
            paths: [installedCrsFolder],
            paranoia: 2,
            inboundThreshold: null,
            outboundThreshold: null,
            setup: {},
            exclusions: [],
            keepsRuleEngine: false,
          },
          null,
        ),
      (error) => {
        assert.ok(error instanceof WeirError);
        const said = `${error.message} ${error.details?.join(' ')}`;
        assert.match(said, /942130/);
        assert.match(said, /exclusions: \[\{ rules: \["942130"\] \}\]/);
        return true;
      },
    );
  });
});
