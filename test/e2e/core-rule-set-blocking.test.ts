/**
 * The Core Rule Set at paranoia 1, blocking, as it comes: each family of attacks is stopped by its own rules, and what
 * looks much like it passes. Upstream's tests look at what rules match, with blocking off.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { attackFamilies, statusOf } from '../support/attack-families.ts';
import { type EchoOrigin, startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';

describe('the Core Rule Set at paranoia 1, blocking', { skip: missingShared('crs/rules') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-blocking-'));
  const matchLog = join(folder, 'matches.log');
  let origin: EchoOrigin;
  let edge: EdgeProcess;
  before(async () => {
    origin = await startEchoOrigin([]);
    edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app, waf: { rules: [crs] } }]
waf: { matchLog: ${matchLog}, rules: { crs: { seclang: [${join(sharedFolder, 'crs')}], paranoia: 1 } } }
kernel: { xdp: off }
`);
  });
  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const { name, rules, attack, neighbour } of attackFamilies) {
    it(`${name} is stopped`, async () => {
      const before = readFileSync(matchLog, 'latin1').length;
      assert.equal(await statusOf(`http://localhost:${edge.ports[0]}`, attack), 403);
      // Lines of matches are there before the answer is.
      const lines = readFileSync(matchLog, 'latin1').slice(before);
      assert.match(lines, new RegExp(`\\[id "${rules}\\d+"\\]`));
    });
    it(`${name}: its neighbour passes`, async () => {
      assert.equal(await statusOf(`http://localhost:${edge.ports[0]}`, neighbour), 200);
    });
  }
});
