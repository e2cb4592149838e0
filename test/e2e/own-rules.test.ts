/** Rules of somebody's own in SecLang through the shipped command: what each kind of action does to a request. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EchoOrigin, startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';

const rules = String.raw`
SecRuleEngine On
SecRule REMOTE_ADDR "@ipMatch 192.0.2.0/24" "id:1,phase:1,pass,nolog,ctl:ruleEngine=Off"
SecRule REQUEST_FILENAME "@streq /patched" "id:2,phase:2,deny,status:404,chain,msg:'virtual patch'"
  SecRule ARGS:file "@rx \.\./" "t:none,t:urlDecodeUni"
SecRule ARGS:go "@streq away" "id:3,phase:2,redirect:'https://example.com%{REQUEST_URI}',status:307"
SecRule ARGS:go "@streq busy" "id:4,phase:2,deny,status:429"
SecRule REQUEST_METHOD "!^(?:GET|POST)$" "id:5,phase:1,deny,status:405"
SecRule REQUEST_URI "@beginsWith /api/" "id:6,phase:1,pass,nolog,ctl:ruleRemoveTargetById=7;ARGS:q"
SecRule ARGS "@rx evil" "id:7,phase:2,pass,log,setvar:tx.score=+5,setvar:'tx.by_%{rule.id}=1'"
SecRule TX:score "@ge 5" "id:8,phase:2,deny,chain"
  SecRule TX:by_7 "@eq 1"
SecRule ARGS:skip "@eq 1" "id:9,phase:2,pass,nolog,skip:1"
SecRule ARGS:skip "@rx ." "id:10,phase:2,deny"
SecRule &REQUEST_HEADERS:X-Key "@eq 0" "id:11,phase:2,deny,status:401,chain"
  SecRule REQUEST_FILENAME "@beginsWith /keyed"
SecRule &REQUEST_HEADERS:Authorization|&REQUEST_COOKIES:session|&ARGS_GET:token "@eq 0" "id:12,phase:1,deny,status:401,chain"
  SecRule REQUEST_FILENAME "@beginsWith /long"
SecRule REQUEST_HEADERS:Content-Type "!@rx ^application/json" "id:13,phase:1,deny,status:415,chain"
  SecRule REQUEST_FILENAME "@beginsWith /long"
SecRule REQUEST_HEADERS:Authorization "@beginsWith Bearer" "id:14,phase:2,pass,log,msg:'a bearer'"
SecRule REQUEST_BODY "@contains needle" "id:15,phase:2,deny"
SecRule ARGS "@rx ^case\d+$" "id:17,phase:2,pass,log,msg:'found %{MATCHED_VAR}',logdata:'it is %{MATCHED_VAR}'"
SecRule ARGS:five "@eq 1" "id:16,phase:5,deny,log"
`;

const cases: readonly (readonly [target: string, status: number])[] = [
  ['/patched?file=..%2fpasswd', 404],
  ['/patched?file=passwd', 200],
  ['/?go=away', 307],
  ['/?go=busy', 429],
  ['/?q=evil', 403],
  ['/api/?q=evil', 200],
  ['/api/?other=evil', 403],
  ['/?skip=1', 200],
  ['/?skip=2', 403],
  ['/keyed', 401],
  ['/long', 401],
  ['/?five=1', 200],
];

describe('rules of one’s own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-own-rules-'));
  const file = join(folder, 'own.conf');
  writeFileSync(file, rules);
  const matchLog = join(folder, 'matches.log');
  let origin: EchoOrigin;
  let edge: EdgeProcess;
  before(async () => {
    origin = await startEchoOrigin([]);
    edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { match: { path: /shape }, upstream: app, waf: { rules: [own], matched: masked } }
  - { match: { path: /hidden }, upstream: app, waf: { rules: [own], matched: none } }
  - { upstream: app, waf: { rules: [own] } }
waf: { matchLog: ${matchLog}, rules: { own: { seclang: [${file}] } } }
kernel: { xdp: off }
`);
  });
  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const get = (target: string): Promise<Response> =>
    fetch(`http://localhost:${edge.ports[0]}${target}`, { redirect: 'manual' });

  for (const [target, status] of cases) {
    it(`answers ${status} to ${target}`, async () => {
      const answer = await get(target);
      assert.equal(answer.status, status);
      if (status === 307)
        assert.equal(answer.headers.get('location'), 'https://example.com/?go=away');
    });
  }

  it('see the whole head with each stretch of a body that is longer than the window', async () => {
    const headers = {
      Authorization: 'Bearer x',
      Cookie: 'session=1',
      'Content-Type': 'application/json',
    };
    const post = (text: string): Promise<Response> =>
      fetch(`http://localhost:${edge.ports[0]}/long?token=1`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ text }),
      });
    const filler = 'hay '.repeat(90_000);
    assert.equal((await post(filler)).status, 200);
    const lines = readFileSync(matchLog, 'latin1').split('\n');
    assert.equal(lines.filter((line) => line.includes('[id "14"]')).length, 1);
    assert.equal((await post(`${filler}needle`)).status, 403);
  });

  it('log what matched as the route says', async () => {
    for (const path of ['/', '/shape', '/hidden']) await get(`${path}?q=case4711`);
    const lines = readFileSync(matchLog, 'latin1')
      .split('\n')
      .filter((line) => line.includes('[id "17"]'))
      .map((line) => /\[msg .*?(?= \[(?!data)|$)/.exec(line)?.[0]);
    assert.deepEqual(lines, [
      '[msg "found case4711"] [data "it is case4711"]',
      '[msg "found ********"] [data "********"]',
      '[msg "found ***"]',
    ]);
  });

  it('stay as they were while an edit has a fault, which the log and the status say', async () => {
    writeFileSync(file, `${rules}SecRule ARGS "@rx (" "id:20,phase:2,deny"\n`);
    const refused = await edge.call('POST', '/api/v1/reload');
    assert.equal(refused.status, 422);
    assert.match(JSON.stringify(refused.body), /own\.conf:\d+:19/);
    assert.equal((await get('/?q=evil')).status, 403);
    const line = await edge.logged(({ msg }) => msg === 'reload refused, what was live stays');
    assert.match(JSON.stringify(line['details']), /own\.conf:\d+:19/);
    const degraded = async (): Promise<string> =>
      JSON.stringify((await edge.call('GET', '/api/v1/status')).body['degraded']);
    assert.match(await degraded(), /configuration file.*the rules of own have 1 problem/);

    writeFileSync(file, `${rules}SecRule ARGS "@rx fresh" "id:20,phase:2,deny"\n`);
    const taken = await edge.call('POST', '/api/v1/reload');
    assert.deepEqual([taken.status, taken.body['changed']], [200, ['waf.rules.own (its files)']]);
    assert.equal((await get('/?q=fresh')).status, 403);
    assert.equal(await degraded(), '[]');
  });
});
