/** Every limit a request can meet is counted under its own reason. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

type Row = readonly [
  reason: string,
  request: string,
  settings?: { readonly limits?: object; readonly timeouts?: object; readonly route?: object },
];
const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const post = (length: number, body: string): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n${body}`;

const rows: readonly Row[] = [
  ['request target too long', get(`/${'a'.repeat(100)}`), { limits: { urlBytesMax: 100 } }],
  [
    'header section too large',
    get('/', `A: ${'a'.repeat(900)}\r\n`),
    { limits: { headBytesMax: 500 } },
  ],
  ['too many header fields', get('/', 'A: b\r\n'.repeat(5)), { limits: { headersMax: 5 } }],
  ['request body too large', post(11, ''), { limits: { bodyBytesMax: 10 } }],
  ['too many query parameters', get('/?a&b&c'), { limits: { parametersMax: 2 } }],
  ['query parameter too long', get('/?abc'), { limits: { parameterBytesMax: 2 } }],
  ['request head did not arrive in time', 'GET / HT', { timeouts: { headMs: 500 } }],
  ['request body did not arrive in time', post(10, 'x'), { timeouts: { bodyIdleMs: 20 } }],
  ['response body too large', get('/'), { route: { limits: { responseBytesMax: 1 } } }],
  ['total time used up', get('/held'), { route: { timeouts: { totalMs: 20 } } }],
  ['HTTP version not supported', 'GET / HTTP/3.0\r\nHost: a.test\r\n\r\n'],
  [
    'Content-Length together with Transfer-Encoding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ['method not served', 'TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
];

for (const [reason, request, settings = {}] of rows) {
  it(reason, async () => {
    await using origin = await RawOrigin.answering((text) =>
      text.startsWith('GET /held') ? '' : plainAnswer,
    );
    await using edge = await TestEdge.start({
      edge: { limits: settings.limits ?? {}, timeouts: settings.timeouts ?? {} },
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app', ...settings.route }],
    });
    const key = `weir_limits_reached_total{reason="${reason}"}`;
    assert.equal(edge.sample(key), 0);
    using client = await RawClient.connect(edge.address);
    client.send(request);
    await edge.until(key, 1);
  });
}
