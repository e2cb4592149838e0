/** Filters of proxy-wasm in the edge: what reaches the origin and the client of what they do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, readMessages, statusOf } from '../support/http-read.ts';
import { checkMessage, type ProxyWasmCase, proxyWasmCorpus } from '../support/proxy-wasm-cases.ts';
import { proxyWasmGuest } from '../support/proxy-wasm-guests.ts';
import { type Fields, type Loaded, loadProxyWasm } from '../support/proxy-wasm-run.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const guarded = (url: string, { filter }: Loaded, mode = 'block'): EdgeOptions => ({
  ...simpleEdge(url),
  routes: [{ upstream: 'app', waf: { mode, rules: ['filter'] } }],
  modules: { filter },
});

const lines = (fields: Fields): string =>
  fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

const without = (fields: Fields, name: string): Fields =>
  fields.filter((field) => field[0].toLowerCase() !== name);

function requestText({ request = {} }: ProxyWasmCase): string {
  const { method = 'GET', target = '/', headers = [['Host', 'site.example']], body } = request;
  const framing = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const fields = lines(without(headers, 'content-length'));
  return `${method} ${target} HTTP/1.1\r\n${fields}${framing}\r\n${body ?? ''}`;
}

function answerText({ response = {} }: ProxyWasmCase): string {
  const { status = 200, headers = [], body = '' } = response;
  const fields = lines(without(headers, 'content-length'));
  return `HTTP/1.1 ${status} Said\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const messageOf = (message: ReadMessage) => ({
  line: message.first.replace(/ HTTP\/1\.1$/, ''),
  headers: message.fields,
  body: message.body,
});

for (const { guest, config, grants, cases } of proxyWasmCorpus()) {
  describe(`in front of an origin, the module ${guest}`, async () => {
    const loaded = loadProxyWasm(await proxyWasmGuest(guest), { config, grants });
    for (const one of cases) {
      it(one.name, async () => {
        await using origin = await RawOrigin.answering(answerText(one));
        await using edge = await TestEdge.start(guarded(origin.url, loaded));
        using client = await RawClient.connect(edge.address);
        client.send(requestText(one));
        const response = await client.response();
        assert.deepEqual(loaded.failures, []);
        if (one.answer !== undefined) {
          assert.equal(statusOf(response), one.answer.status);
          checkMessage(messageOf(response), one.answer);
          assert.equal(origin.connections.length, 0);
          return;
        }
        const [received] = readMessages(origin.received).messages;
        assert.ok(received !== undefined);
        checkMessage(messageOf(received), one.upstream ?? {});
        checkMessage(messageOf(response), one.client ?? {});
      });
    }
  });
}

describe('a filter that waits for another server', () => {
  async function through(status: number, mode?: string) {
    const said = `HTTP/1.1 ${status} Said\r\nContent-Length: 5\r\n\r\nalice`;
    await using authority = await RawOrigin.answering(said);
    await using origin = await RawOrigin.answering(plainAnswer);
    const loaded = loadProxyWasm(await proxyWasmGuest('http-call'), {
      config: { text: new URL(authority.url).host },
      fetch: [`${authority.url}/`],
    });
    await using edge = await TestEdge.start(guarded(origin.url, loaded, mode));
    using client = await RawClient.connect(edge.address);
    client.send('POST /private HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody');
    const response = await client.response();
    // The connection is right for the next one.
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.responses(2);
    assert.deepEqual(loaded.failures, []);
    return { response, request: readMessages(origin.received).messages[0] };
  }

  it('has its request forwarded once it has said so', async () => {
    const { response, request } = await through(200);
    assert.equal(statusOf(response), 200);
    assert.deepEqual(request && fieldValues(request, 'x-user'), ['alice']);
    assert.equal(request?.body, 'body');
  });

  it('may answer it instead', async () => {
    const { response, request } = await through(401);
    assert.equal(statusOf(response), 403);
    assert.equal(response.body, 'no: alice');
    assert.equal(request, undefined);
  });

  it('enforces nothing in monitor mode', async () => {
    const { response, request } = await through(401, 'monitor');
    assert.equal(statusOf(response), 200);
    assert.equal(request?.body, 'body');
  });
});

describe('a filter that traps', () => {
  const trap = 'GET / HTTP/1.1\r\nHost: a.test\r\nX-Do: trap\r\n\r\n';
  const good = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

  for (const [failure, expected] of [
    ['closed', [503, 200]],
    ['open', [200, 200]],
  ] as const) {
    it(`costs that request its policy, ${failure}, and the next is right`, async () => {
      const loaded = loadProxyWasm(await proxyWasmGuest('configured'), { failure });
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(guarded(origin.url, loaded));
      using client = await RawClient.connect(edge.address);
      client.send(trap);
      await client.response();
      client.send(good);
      assert.deepEqual((await client.responses(2)).map(statusOf), expected);
      assert.equal(loaded.failures.length, 1);
    });
  }
});

it('a response that a filter changes reaches the client whole, however the origin cuts it', async () => {
  const loaded = loadProxyWasm(await proxyWasmGuest('body'));
  await using origin = await RawOrigin.start();
  await using edge = await TestEdge.start(guarded(origin.url, loaded));
  using client = await RawClient.connect(edge.address);
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  const connection = await origin.connection(0);
  await connection.until((bytes) => bytes.endsWith('\r\n\r\n'));
  for (const piece of [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    '2\r\nhe\r\n',
    '3\r\nllo\r\n',
    '0\r\n\r\n',
  ])
    connection.write(piece);
  const response = await client.response();
  assert.equal(response.body, 'HELLO!');
});

it('a request body longer than what is held is refused by a filter that wants all of it', async () => {
  const loaded = loadProxyWasm(await proxyWasmGuest('body'));
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start(guarded(origin.url, loaded));
  using client = await RawClient.connect(edge.address);
  const body = 'x'.repeat(200_000);
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  assert.equal(statusOf(await client.response()), 413);
  assert.equal(origin.connections.length, 0);
});
