/** Plugins of the http-wasm ABI in the edge: what reaches the origin and the client of what they do. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { HttpWasmModule } from '#wasm/http-wasm/http-wasm-module.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, readMessages, statusOf } from '../support/http-read.ts';
import { conformanceGuest, loadHttpWasm } from '../support/http-wasm-guests.ts';
import { type Http2Answer, Http2Client } from '../support/http2-client.ts';
import { http2Edge } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

let guest: Uint8Array;
before(async () => {
  guest = await conformanceGuest();
});

function guarded(url: string, module: HttpWasmModule, mode = 'block'): EdgeOptions {
  return {
    ...simpleEdge(url),
    routes: [{ upstream: 'app', waf: { mode, rules: ['plugin'] } }],
    modules: { plugin: module },
  };
}

type Seen = { readonly request: ReadMessage | undefined; readonly response: ReadMessage };

/** One request through the edge, with what the origin was sent of it. */
async function through(
  name: string,
  options: {
    readonly method?: string;
    readonly fields?: string;
    readonly body?: string;
    readonly answer?: string;
    readonly mode?: string;
    readonly failure?: 'closed' | 'open';
  } = {},
): Promise<Seen & { readonly failures: readonly string[] }> {
  const { method = 'GET', fields = '', body = '', answer = plainAnswer, mode, failure } = options;
  const { module, failures } = loadHttpWasm(guest, { ...(failure && { failure }) });
  await using origin = await RawOrigin.answering(answer);
  await using edge = await TestEdge.start(guarded(origin.url, module, mode));
  using client = await RawClient.connect(edge.address);
  client.send(`${method} /a HTTP/1.1\r\nHost: a.test\r\nX-Case: ${name}\r\n${fields}\r\n${body}`);
  const bodyLess = (index: number): boolean => method === 'HEAD' && index === 0;
  const response = await client.response(bodyLess);
  // The connection is right for the next one, whatever became of the first.
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nX-Case: answer\r\n\r\n');
  const [, next] = await client.responses(2, bodyLess);
  assert(next !== undefined);
  assert.equal(statusOf(next), mode === 'monitor' ? 200 : 418);
  assert.equal(module.pool.counts.lent, 0);
  return { request: readMessages(origin.received).messages[0], response, failures };
}

const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

describe('a plugin in front of an origin', () => {
  it('changes request headers', async () => {
    const { request } = await through('set/existing', { fields: 'Existing-Header: bear\r\n' });
    assert(request !== undefined);
    assert.deepEqual(fieldValues(request, 'existing-header'), ['value']);
    const added = await through('add/existing', { fields: 'Existing-Header: bear\r\n' });
    assert(added.request !== undefined);
    assert.deepEqual(fieldValues(added.request, 'existing-header'), ['bear', 'value']);
    const removed = await through('remove/existing', { fields: 'Existing-Header: bear\r\n' });
    assert(removed.request !== undefined);
    assert.deepEqual(fieldValues(removed.request, 'existing-header'), []);
  });

  for (const [name, fields, body] of [
    ['with a length', 'Content-Length: 5\r\n', 'quiet'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', chunked('quiet')],
  ] as const)
    it(`replaces a request body ${name}`, async () => {
      const { request } = await through('replace-body', { method: 'POST', fields, body });
      assert.equal(request?.body, 'QUIET!');
    });

  it('sees even a body of chunks that is empty', async () => {
    const fields = 'Transfer-Encoding: chunked\r\n';
    const { response } = await through('body/0', { method: 'POST', fields, body: '0\r\n\r\n' });
    assert.equal(statusOf(response), 200);
    assert.deepEqual(fieldValues(response, 'x-handled'), ['1']);
    assert.deepEqual(fieldValues(response, 'x-failed'), []);
  });

  it('answers itself, with its own fields and the edge’s', async () => {
    const { request, response } = await through('answer');
    assert.equal(request, undefined);
    assert.equal(statusOf(response), 418);
    assert.equal(response.body, 'short and stout');
    assert.deepEqual(fieldValues(response, 'set-cookie'), ['a=b', 'c=d']);
    assert.deepEqual(fieldValues(response, 'content-type'), ['text/plain']);
    assert.equal(fieldValues(response, 'x-request-id').length, 1);
  });

  it('answers a HEAD request without a body', async () => {
    const { response } = await through('answer', { method: 'HEAD' });
    assert.equal(statusOf(response), 418);
    assert.equal(response.body, '');
  });

  const secret = 'HTTP/1.1 200 OK\r\nX-Origin: 1\r\nContent-Length: 8\r\n\r\na secret';
  it('changes headers and body of a response', async () => {
    const { response } = await through('response/change', { answer: secret });
    assert.equal(response.body, 'a ######');
    assert.deepEqual(fieldValues(response, 'x-origin'), []);
    assert.deepEqual(fieldValues(response, 'x-added'), ['1']);
  });

  it('changes the status of a response', async () => {
    const { response } = await through('response/status', { answer: secret });
    assert.equal(statusOf(response), 404);
    assert.equal(response.body, 'a secret');
    assert.deepEqual(fieldValues(response, 'x-origin'), ['1']);
  });

  it('changes nothing in monitor mode', async () => {
    const { response } = await through('response/change', { answer: secret, mode: 'monitor' });
    assert.equal(response.body, 'a secret');
    assert.deepEqual(fieldValues(response, 'x-origin'), ['1']);
  });

  for (const name of ['trap', 'spin', 'set-method/value', 'set/many'])
    it(`fails closed or open for its own request alone: ${name}`, async () => {
      const closed = await through(name);
      assert.equal(statusOf(closed.response), 503);
      assert.equal(closed.request, undefined);
      assert.equal(closed.failures.length, 1);
      const open = await through(name, { failure: 'open' });
      assert.equal(statusOf(open.response), 200);
      assert.equal(open.response.body, 'ok');
    });

  it('fails closed after the upstream has answered: nothing of the answer is seen', async () => {
    const { response } = await through('response/trap', { answer: secret });
    assert.equal(statusOf(response), 503);
    assert.doesNotMatch(response.raw, /secret|X-Origin/i);
  });
});

describe('a plugin that changes the request line', () => {
  async function lineAt(
    name: string,
    routes: (mode: string) => Record<string, unknown>,
    head = 'GET /a?b HTTP/1.1\r\nHost: a.test\r\n',
    mode = 'block',
  ): Promise<string> {
    const { module, failures } = loadHttpWasm(guest);
    const second = loadHttpWasm(guest);
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ upstream: 'app', ...routes(mode) }],
      modules: { plugin: module, second: second.module },
    });
    using client = await RawClient.connect(edge.address);
    client.send(`${head}X-Case: ${name}\r\n\r\n`);
    assert.equal(statusOf(await client.response()), 200);
    assert.deepEqual([...failures, ...second.failures], []);
    const [request] = readMessages(origin.received).messages;
    assert.equal(request && fieldValues(request, 'host').join(), 'a.test');
    return request?.first ?? '';
  }
  const one = (mode: string) => ({ waf: { mode, rules: ['plugin'] } });

  it('changes what the origin gets', async () => {
    assert.equal(await lineAt('set-uri', one), 'GET /animal?name=panda HTTP/1.1');
    assert.equal(await lineAt('set-method', one), 'POST /a?b HTTP/1.1');
  });

  it('changes what the modules behind it see', async () => {
    const two = () => ({ waf: { rules: ['plugin', 'second'] } });
    assert.equal(await lineAt('set-uri/longer', two), 'GET /a?b/x/x HTTP/1.1');
  });

  it('has the last word on the path: the route does not rewrite it again', async () => {
    const rewritten = () => ({
      match: { path: '/a' },
      rewritePrefix: '/long/prefix',
      waf: { rules: ['plugin'] },
    });
    assert.equal(await lineAt('set-uri', rewritten), 'GET /animal?name=panda HTTP/1.1');
    assert.equal(await lineAt('go-on', rewritten), 'GET /long/prefix?b HTTP/1.1');
  });

  it('changes one that came with an authority', async () => {
    const head = 'GET http://a.test/a?b HTTP/1.1\r\nHost: a.test\r\n';
    assert.equal(await lineAt('set-uri', one, head), 'GET /animal?name=panda HTTP/1.1');
  });

  it('changes nothing in monitor mode', async () => {
    assert.equal(await lineAt('set-uri', one, undefined, 'monitor'), 'GET /a?b HTTP/1.1');
  });

  it('changes one that came by HTTP/2', async () => {
    const { module } = loadHttpWasm(guest);
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = await http2Edge(origin.url);
    await using edge = await TestEdge.start({
      ...options,
      routes: [{ upstream: 'app', waf: { rules: ['plugin'] } }],
      modules: { plugin: module },
    });
    using client = new Http2Client(edge.address);
    assert.equal((await client.request({ 'x-case': 'set-uri' })).status, 200);
    assert.match(origin.received, /^GET \/animal\?name=panda HTTP\/1\.1\r\n/);
  });
});

it('a plugin is told when no response came', async () => {
  const { module, logged, failures } = loadHttpWasm(guest);
  await using origin = await RawOrigin.start(({ socket }) => socket.destroy());
  await using edge = await TestEdge.start(guarded(origin.url, module));
  using client = await RawClient.connect(edge.address);
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nX-Case: go-on\r\nContent-Length: 1\r\n\r\nx');
  assert.equal(statusOf(await client.response()), 502);
  await edge.accessLines(1);
  assert.deepEqual(logged, [[2, 'error after go-on']]);
  assert.deepEqual(failures, []);
});

describe('a plugin over HTTP/2', () => {
  const through = async (
    name: string,
    body?: string,
    trailers?: Record<string, string>,
  ): Promise<{ answer: Http2Answer; received: string }> => {
    const { module, failures } = loadHttpWasm(guest);
    const answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\na secret\r\n0\r\nX-Sum: 1\r\n\r\n';
    await using origin = await RawOrigin.answering(answer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      routes: [{ upstream: 'app', waf: { rules: ['plugin'] } }],
      modules: { plugin: module },
    });
    using client = new Http2Client(edge.address);
    const method = body === undefined ? 'GET' : 'POST';
    const got = await client.request({ ':method': method, 'x-case': name }, body, trailers);
    assert.deepEqual(failures, []);
    return { answer: got, received: origin.received };
  };

  it('reads its version and answers', async () => {
    const { answer } = await through('protocol');
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'HTTP/2.0']);
    assert.equal(answer.fields['x-handled'], '1');
  });

  it('replaces bodies of both messages', async () => {
    const { received } = await through('replace-body', 'quiet', { 'x-sum': '1' });
    const { messages } = readMessages(received);
    assert.equal(messages[0]?.body, 'QUIET!');
    assert.doesNotMatch(received, /x-sum/i, 'the trailer was of the other body');
    const { answer } = await through('response/change');
    assert.equal(answer.body.toString(), 'a ######');
    assert.deepEqual({ ...answer.trailers }, {});
  });

  it('changes the status of a response', async () => {
    const { answer } = await through('response/status');
    assert.deepEqual([answer.status, answer.body.toString()], [404, 'a secret']);
  });
});
