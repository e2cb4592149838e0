/** Trailers as filters of proxy-wasm and plugins of http-wasm see and change them, by HTTP/1.1 and HTTP/2. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileFilter } from '#wasm/compile-filter.ts';
import type { Filter } from '#wasm/filter.ts';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { buildTestGuest, testLimits, testServices, testSource } from '../support/guests.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
import { conformanceGuest, loadHttpWasm } from '../support/http-wasm-guests.ts';
import { Http2Client } from '../support/http2-client.ts';
import { http2Edge } from '../support/http2-peer.ts';
import { proxyWasmGuest } from '../support/proxy-wasm-guests.ts';
import { loadProxyWasm } from '../support/proxy-wasm-run.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const post = (fields: string, trailers: string, body = '5\r\nhello\r\n'): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailers}\r\n`;
const answered = (trailers: string, body = '2\r\nok\r\n'): string =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailers}\r\n`;

/** The whole message, its trailer section with it. */
const ended = (text: string): boolean => /\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text);

type Guarding = { readonly filter: Filter; readonly failures: readonly string[] };

const envoyFilter = async (): Promise<Guarding> => loadProxyWasm(await proxyWasmGuest('trailers'));
const traefikPlugin = async (): Promise<Guarding> => {
  const { module, failures } = loadHttpWasm(await conformanceGuest());
  return { filter: module, failures };
};

async function through<Got>(
  request: string,
  answer: string,
  read: (client: RawClient) => Promise<Got>,
  mode = 'block',
  plugin: Promise<Guarding> | null = null,
) {
  const { filter, failures } = await (plugin ?? envoyFilter());
  await using origin = await RawOrigin.answering(answer);
  await using edge = await TestEdge.start({
    ...simpleEdge(origin.url, {}, { requestTrailers: plugin !== null }),
    routes: [{ upstream: 'app', waf: { mode, rules: ['filter'] } }],
    modules: { filter },
  });
  using client = await RawClient.connect(edge.address);
  client.send(request);
  const got = await read(client);
  assert.deepEqual(failures, []);
  const [received] = readMessages(origin.received).messages;
  return { got, received, sent: origin.received };
}

const answer = (client: RawClient) => client.response();
const trailers = async (client: RawClient) =>
  /\r\n0\r\n(.*)$/s.exec(await client.until(ended))?.[1];

describe('trailers of a request', () => {
  for (const [name, fields, body] of [
    ['are shown to a filter after the body', '', '5\r\nhello\r\n'],
    ['are shown where the body is empty', '', ''],
    ['are shown once a body that was paused goes on', 'X-Pause: 1\r\n', '5\r\nhello\r\n'],
  ] as const)
    it(`${name}, and stop at the edge`, async () => {
      const { received, sent } = await through(
        post(fields, 'X-Sum: abc\r\nx-more: 1 2\r\n', body),
        plainAnswer,
        answer,
      );
      assert(received !== undefined);
      assert.deepEqual(fieldValues(received, 'x-trailers'), ['2 x-sum=abc x-more=1 2']);
      assert(!sent.includes('X-Sum'));
    });

  it('are a reason to refuse it', async () => {
    const { got, received } = await through(post('', 'X-Evil: 1\r\n'), plainAnswer, answer);
    assert.equal(statusOf(got), 403);
    assert.equal(received, undefined);
  });

  it('are not asked about where there are none', async () => {
    const { received } = await through(post('', ''), plainAnswer, answer);
    assert(received !== undefined);
    assert.deepEqual(fieldValues(received, 'x-trailers'), []);
  });
});

describe('trailers of a response', () => {
  const get = 'GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n';
  const came = 'X-Sum: 1\r\nX-Secret: key\r\nX-Other: 2\r\n';

  for (const [name, body] of [
    ['reach the client as the filter left them', '2\r\nok\r\n'],
    ['behind an empty body as well', ''],
  ] as const)
    it(name, async () => {
      const { got } = await through(get, answered(came, body), trailers);
      assert.equal(got, 'x-other: 2\r\nx-sum: 1!\r\nx-count: 3\r\n\r\n');
    });

  it('reach it as they came in monitor mode', async () => {
    const { got } = await through(get, answered(came), trailers, 'monitor');
    assert.equal(got, `${came}\r\n`);
  });
});

describe('trailers and a plugin of http-wasm', () => {
  const named = (name: string) => `X-Case: ${name}\r\n`;
  const get = (name: string) =>
    `GET / HTTP/1.1\r\nHost: a.test\r\n${named(name)}TE: trailers\r\nConnection: TE\r\n\r\n`;
  const came = 'X-Sum: 1\r\nX-Secret: key\r\nX-Other: 2\r\n';

  it('reads those of a request', async () => {
    const request = post(named('trailers/names'), came);
    const { got } = await through(request, plainAnswer, answer, 'block', traefikPlugin());
    assert.equal(got.body, 'x-sum|x-secret|x-other');
  });

  for (const [name, fields, sections] of [
    ['changes those of a request', '', 'x-sum: 1!\r\nx-other: 2\r\nx-count: 2\r\n\r\n'],
    ['and only watches', 'monitor', 'X-Sum: 1\r\n\r\n'],
  ] as const)
    it(name, async () => {
      const request = post(`${named('trailers/change')}Trailer: X-Sum\r\n`, came);
      const mode = fields === '' ? 'block' : fields;
      const { sent } = await through(request, plainAnswer, answer, mode, traefikPlugin());
      assert.equal(/\r\n0\r\n(.*)$/s.exec(sent)?.[1], sections);
    });

  it('adds some behind chunks that came without', async () => {
    const request = post(named('trailers/change'), '');
    const { sent } = await through(request, plainAnswer, answer, 'block', traefikPlugin());
    assert.match(sent, /\r\nTrailer: x-sum, x-count\r\n/);
    assert.match(sent, /\r\n0\r\nx-sum: !\r\nx-count: 1\r\n\r\n$/);
  });

  it('changes those of a response', async () => {
    const request = get('response/trailers');
    const said = answered(came);
    const { got } = await through(request, said, trailers, 'block', traefikPlugin());
    assert.equal(got, 'x-sum: 1!\r\nx-other: 2\r\nx-seen: x-sum x-other\r\n\r\n');
  });
});

describe('trailers and a rule of Weir’s own ABI', () => {
  const rule = async (): Promise<Guarding> => {
    const failures: string[] = [];
    const source = { ...testSource, bytes: await buildTestGuest('trailer-probe') };
    const filter = compileFilter(
      { ...source, grants: ['property'] },
      testLimits,
      testServices,
      (message) => failures.push(message),
    );
    return { filter, failures };
  };

  for (const [name, body, behind, status] of [
    ['refuses a request for one', '5\r\nhello\r\n', 'X-Evil: 1\r\nX-Evil: 2\r\n', 403],
    ['refuses one whose body is empty', '', 'x-evil: 1\r\n', 403],
    ['lets others pass', '5\r\nhello\r\n', 'X-Sum: 1\r\n', 200],
  ] as const)
    it(name, async () => {
      const { got } = await through(post('', behind, body), plainAnswer, answer, 'block', rule());
      assert.equal(statusOf(got), status);
    });

  it('stops a response for one', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
    const said = answered('X-Secret: key\r\n', '');
    const { got } = await through(request, said, answer, 'block', rule());
    assert.equal(statusOf(got), 502);
  });
});

for (const [name, guarding, fields, seen, client] of [
  [
    'a filter of proxy-wasm',
    envoyFilter,
    {},
    /\r\nx-trailers: 2 x-sum=1 x-secret=key\r\n/,
    { 'x-other': '2', 'x-sum': '1!', 'x-count': '3' },
  ],
  [
    'a plugin of http-wasm',
    traefikPlugin,
    { 'x-case': 'trailers/change' },
    /\r\n0\r\nx-sum: 1!\r\nx-count: 1\r\n\r\n/,
    { 'x-sum': '1', 'x-secret': 'key', 'x-other': '2' },
  ],
  [
    'a plugin that looks at responses',
    traefikPlugin,
    { 'x-case': 'response/trailers' },
    /\r\n0\r\n\r\n/,
    { 'x-other': '2', 'x-sum': '1!', 'x-seen': 'x-sum x-other' },
  ],
] as const)
  it(`trailers by HTTP/2, both ways, through ${name}`, async () => {
    const { filter, failures } = await guarding();
    await using origin = await RawOrigin.answering(
      answered('X-Sum: 1\r\nX-Secret: key\r\nX-Other: 2\r\n'),
    );
    const app = { servers: [{ url: origin.url }], requestTrailers: true };
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      upstreams: { app },
      routes: [{ upstream: 'app', waf: { rules: ['filter'] } }],
      modules: { filter },
    });
    using peer = new Http2Client(edge.address);
    const head = { ':method': 'POST', te: 'trailers', ...fields };
    const got = await peer.request(head, 'hello', { 'x-sum': '1', 'x-secret': 'key' });
    assert.deepEqual(failures, []);
    assert.equal(got.status, 200);
    assert.match(origin.received, seen);
    assert.deepEqual(Object.fromEntries(Object.entries(got.trailers)), client);
  });
