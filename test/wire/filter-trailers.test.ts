/** Trailers as filters of proxy-wasm see and change them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
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

async function through<Got>(
  request: string,
  answer: string,
  read: (client: RawClient) => Promise<Got>,
  mode = 'block',
) {
  const loaded = loadProxyWasm(await proxyWasmGuest('trailers'));
  await using origin = await RawOrigin.answering(answer);
  await using edge = await TestEdge.start({
    ...simpleEdge(origin.url),
    routes: [{ upstream: 'app', waf: { mode, rules: ['filter'] } }],
    modules: { filter: loaded.filter },
  });
  using client = await RawClient.connect(edge.address);
  client.send(request);
  const got = await read(client);
  assert.deepEqual(loaded.failures, []);
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
