/**
 * The Core Rule Set through the shipped command: named in the configuration, compiled at start, an attack blocked with
 * its event and its lines in the log, an ordinary request passed.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEchoOrigin } from '../support/echo-origin.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';
import { until } from '../support/until.ts';

const rules = join(sharedFolder, 'crs');

test('the Core Rule Set named in the configuration blocks an SQL injection and passes the rest', {
  skip: missingShared('crs/rules'),
}, async () => {
  await using origin = await startEchoOrigin([]);
  const folder = mkdtempSync(join(tmpdir(), 'weir-seclang-'));
  const matchLog = join(folder, 'matches.log');
  try {
    await using edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app, waf: { rules: [crs] } }]
waf:
  matchLog: ${matchLog}
  rules: { crs: { seclang: [${rules}], paranoia: 1, inboundThreshold: 5 } }
kernel: { xdp: off }
`);
    const get = (target: string): Promise<Response> =>
      fetch(`http://localhost:${edge.ports[0]}${target}`);
    const attack = await get(
      `/?id=${encodeURIComponent("1' UNION SELECT password FROM users-- -")}`,
    );
    assert.equal(attack.status, 403);
    const lines = readFileSync(matchLog, 'latin1');
    assert.match(lines, /\[id "942100"\]/);
    assert.match(lines, /\[id "949110"\]/);
    assert.match(lines, /Access denied with code 403/);

    const ordinary = await get('/search?q=garden+chairs&page=2');
    assert.equal(ordinary.status, 200);

    const form = await fetch(`http://localhost:${edge.ports[0]}/comment`, {
      method: 'POST',
      body: new URLSearchParams({ comment: '<script>alert(1)</script>' }),
    });
    assert.equal(form.status, 403);

    await until('three access lines', () => edge.accessLines().length >= 3);
    const verdict = edge.accessLines()[0]?.['verdict'] as Verdict | undefined;
    assert.equal(verdict?.rule, 'crs/949110');
    assert.ok(verdict.matches.includes('crs/942100'), String(verdict.matches));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

type Verdict = { readonly rule: string; readonly matches: readonly string[] };
