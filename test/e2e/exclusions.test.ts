/**
 * `exclusions` of a rule set through the shipped command: by path, parameter, rule, range and tag, alone and together.
 * Each takes out what it names and nothing beside it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EchoOrigin, startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';

const rules = `
SecRequestBodyAccess On
SecRule ARGS "@contains evil" "id:1001,phase:2,deny,status:403,t:none,tag:'attack-args',tag:'shop'"
SecRule REQUEST_COOKIES "@contains evil" "id:1002,phase:2,deny,status:403,t:none,tag:'attack-cookies',tag:'shop'"
SecRule REQUEST_HEADERS:X-Note "@contains evil" "id:1003,phase:1,deny,status:403,t:none,tag:'attack-headers',tag:'shop'"
SecRule ARGS "@contains worse" "id:2001,phase:2,deny,status:403,t:none,tag:'attack-args'"
SecRule ARGS "@contains gone" "id:3001,phase:2,deny,status:403,t:none,tag:'attack-gone'"
SecRule ARGS "@contains lost" "id:3002,phase:2,deny,status:403,t:none,tag:'attack-lost'"
`;

const exclusions = `
  - { path: /rule, rules: ["1001"] }
  - { path: /range, rules: ["1000-1999"] }
  - { path: /tag, tags: [attack-args] }
  - { path: /both, rules: ["1001"], tags: [attack-cookies] }
  - { path: /parameter, parameters: ["ARGS:q"], rules: ["1001"] }
  - { path: /parameters, parameters: ["ARGS:q", "REQUEST_COOKIES:s"], tags: [shop] }
  - { path: /field, parameters: ["REQUEST_HEADERS:x-note"], rules: ["1003"] }
  - { parameters: ["ARGS:free"], rules: ["1001"] }
  - { rules: ["3001"] }
  - { tags: [attack-lost] }
  - { host: Shop.test, path: /host, rules: ["1001"] }
  - { host: shop.test, parameters: ["ARGS:h"], rules: ["1001"] }
  - { host: other.test, path: /whole, exact: true, parameters: ["ARGS:q"], rules: ["1001"] }
`;

type Case = {
  readonly name: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: 200 | 403;
};

const cookie = { cookie: 's=evil' };
const note = { 'x-note': 'evil' };
const shop = { host: 'SHOP.test:8080' };
const other = { host: 'other.test' };

const cases: readonly Case[] = [
  { name: 'nothing is taken out elsewhere', target: '/?q=evil', status: 403 },
  { name: 'nor of cookies', target: '/', headers: cookie, status: 403 },
  { name: 'nor of fields', target: '/', headers: note, status: 403 },
  { name: 'a rule by its number', target: '/rule?q=evil', status: 200 },
  { name: 'a path is a prefix', target: '/rule/and/below?q=evil', status: 200 },
  { name: 'a path begins at the root', target: '/not/rule?q=evil', status: 403 },
  { name: 'another rule goes on', target: '/rule?q=worse', status: 403 },
  { name: 'rules of another kind go on', target: '/rule', headers: cookie, status: 403 },
  { name: 'a range', target: '/range?q=evil', headers: { ...cookie, ...note }, status: 200 },
  { name: 'what is beyond a range', target: '/range?q=worse', status: 403 },
  { name: 'a tag', target: '/tag?q=evil,worse', status: 200 },
  { name: 'another tag', target: '/tag', headers: cookie, status: 403 },
  { name: 'a rule and a tag, of the rule', target: '/both?q=evil', status: 200 },
  { name: 'a rule and a tag, of the tag', target: '/both', headers: cookie, status: 200 },
  { name: 'a rule and a tag, of neither', target: '/both?q=worse', status: 403 },
  { name: 'a parameter', target: '/parameter?q=evil', status: 200 },
  { name: 'another parameter', target: '/parameter?p=evil', status: 403 },
  { name: 'a parameter beside another', target: '/parameter?q=evil&p=evil', status: 403 },
  { name: 'two parameters by a tag', target: '/parameters?q=evil', headers: cookie, status: 200 },
  {
    name: 'a cookie of another name',
    target: '/parameters',
    headers: { cookie: 't=evil' },
    status: 403,
  },
  { name: 'a field', target: '/field', headers: note, status: 200 },
  { name: 'a parameter on every path', target: '/any?free=evil', status: 200 },
  { name: 'a rule on every path', target: '/any?q=gone', status: 200 },
  { name: 'a tag on every path', target: '/any?q=lost', status: 200 },
  { name: 'a path of a host', target: '/host?q=evil', headers: shop, status: 200 },
  { name: 'the path of another host', target: '/host?q=evil', headers: other, status: 403 },
  { name: 'another path of the host', target: '/?q=evil', headers: shop, status: 403 },
  { name: 'a parameter of a host', target: '/any?h=evil', headers: shop, status: 200 },
  { name: 'the parameter of another host', target: '/any?h=evil', headers: other, status: 403 },
  { name: 'all three', target: '/whole?q=evil', headers: other, status: 200 },
  { name: 'all three, of another host', target: '/whole?q=evil', headers: shop, status: 403 },
  { name: 'all three, of another parameter', target: '/whole?p=evil', headers: other, status: 403 },
];

describe('what an exclusion takes out', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-exclusions-'));
  let origin: EchoOrigin;
  let edge: EdgeProcess;
  before(async () => {
    writeFileSync(join(folder, 'shop.conf'), rules);
    origin = await startEchoOrigin([]);
    edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app, waf: { rules: [shop] } }]
waf: { rules: { shop: { seclang: [${join(folder, 'shop.conf')}], exclusions: [${items(exclusions)}] } } }
kernel: { xdp: off }
`);
  });
  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const { name, target, headers = {}, status } of cases)
    it(`${name}: ${status}`, async () => {
      assert.equal(
        (await call(`http://localhost:${edge.ports[0]}`, 'GET', target, { headers })).status,
        status,
      );
    });
});

const items = (list: string): string =>
  list
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\s*- /, ''))
    .join(', ');
