/**
 * What does a request cost a recording (masked and encoded), and a replay or a shadow (both sides of the Core Rule
 * Set at paranoia 1)? Beside each other in one process, on a form of 1 KB as a browser sends it; the best of five rounds.
 *
 *     node bench/micro/replay.ts [FOLDER OF THE CORE RULE SET]
 */
import { loadConfig } from '#config/load.ts';
import { SecretFiller } from '#replay/fill-secret.ts';
import { maskRequest } from '#replay/mask-request.ts';
import { encodeRequest, type RecordedRequest } from '#replay/recorded-request.ts';
import { RuleSide } from '#replay/rule-side.ts';
import { buildRuleSetApart } from '#toolchain/build-rule-set-apart.ts';
import { requestOfConfig } from '#toolchain/rule-set-request.ts';

const rounds = 5;
const requests = 5_000;

const loaded = loadConfig({
  file: null,
  env: {},
  defaults: `
edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app, waf: { rules: [crs] } }]
waf: { rules: { crs: { seclang: [${process.argv[2] ?? '/usr/share/modsecurity-crs'}], paranoia: 1 } } }
`,
});
const rule = loaded.ok ? loaded.config.waf.rules['crs'] : undefined;
if (!loaded.ok || rule === undefined) throw new Error('the configuration of the bench is wrong');
const { config } = loaded;
const { bytes, sha256 } = await buildRuleSetApart(requestOfConfig('crs', rule, []), null, () => {});
const { failure, fuel, memoryPagesMax } = rule;
const module = {
  ...{ name: 'crs', sha256, bytes, failure, config: '{}', fuel, memoryPagesMax, off: null },
  ...{ grants: [], fetch: [], databases: {} },
};
const side = () =>
  RuleSide.create(
    { config, modules: [module] },
    {
      onFailure: (_, message) => {
        throw new Error(message);
      },
    },
  );
const [live, candidate] = [await side(), await side()];

const body = `user=me&password=hunter2abc&note=${'the garden is nice today and '.repeat(60)}`;
const head = [
  'POST /shop/cart?page=2&sort=price HTTP/1.1',
  'Host: shop.example',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Cookie: session=c2FtcGxl81237123; theme=dark',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Length: 1024',
];
const request: RecordedRequest = {
  ...{ id: 'a', atMs: 1, client: '192.0.2.1', tls: true, ja4: '', certificate: null, major: 1 },
  ...{ chunked: false, body: 'whole', route: '* /', status: 200, outcome: 'forwarded', rule: '' },
  head: Buffer.from([...head, '', ''].join('\r\n')),
  bytes: Buffer.from(body.slice(0, 1_024)),
  responseHead: Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n'),
};
const verdict = (await live.run(request))?.verdict;
if (verdict !== 'passed') throw new Error(`the request is ${verdict}, and ought to pass`);

const filler = new SecretFiller();
const best = { replay: Number.POSITIVE_INFINITY, record: Number.POSITIVE_INFINITY };
for (let round = 0; round < rounds; round++) {
  let startedAt = performance.now();
  for (let i = 0; i < requests; i++) {
    await live.run(request);
    await candidate.run(request);
  }
  best.replay = Math.min(best.replay, performance.now() - startedAt);
  startedAt = performance.now();
  for (let i = 0; i < requests; i++) encodeRequest(maskRequest(request, filler));
  best.record = Math.min(best.record, performance.now() - startedAt);
}
const each = (ms: number): string => `${((ms / requests) * 1_000).toFixed(1)} µs`;
process.stdout.write(
  `replay, both sides: ${each(best.replay)} a request\nrecording, masked and encoded: ${each(best.record)} a request\n`,
);
live.close();
candidate.close();
