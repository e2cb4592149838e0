/** Bodies under every framing: what the next hop gets is always framed anew, and whole. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import {
  type BodyLess,
  fieldValues,
  readMessages,
  readOne,
  statusOf,
} from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const noBody: BodyLess = () => true;

/** One request against one scripted answer. */
async function converse(request: string, answer: string, bodyLess?: BodyLess) {
  await using origin = await RawOrigin.answering(answer);
  await using edge = await TestEdge.start(simpleEdge(origin.url));
  using client = await RawClient.connect(edge.address);
  client.send(request);
  const response = await client.response(bodyLess);
  return { response, received: client.received, origin: origin.received };
}

describe('request bodies', () => {
  it('passes a body of known length with one length', async () => {
    const { origin } = await converse(
      'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 005\r\n\r\nhello',
      plainAnswer,
    );
    const request = readOne(origin);
    assert.deepEqual(fieldValues(request, 'content-length'), ['5']);
    assert.equal(request.body, 'hello');
  });

  it('keeps a length of zero', async () => {
    const { origin } = await converse(
      'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n',
      plainAnswer,
    );
    assert.deepEqual(fieldValues(readOne(origin), 'content-length'), ['0']);
  });

  it('frames chunks anew: extensions and trailers do not travel', async () => {
    const { origin } = await converse(
      'POST / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: Chunked\r\n\r\n' +
        '3;secret=1\r\nabc\r\n02\r\nde\r\n0;last\r\nX-Sum: 9\r\nHost: evil\r\n\r\n',
      plainAnswer,
    );
    assert.ok(
      origin.endsWith('Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n'),
      JSON.stringify(origin),
    );
    assert.equal(readOne(origin).body, 'abcde');
    assert.deepEqual(fieldValues(readOne(origin), 'trailer'), []);
  });

  it('streams chunks on as they come', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(
      'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    );
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n3\r\nabc\r\n'));
    client.send('2\r\nde\r\n');
    await upstream.until((bytes) => bytes.endsWith('3\r\nabc\r\n2\r\nde\r\n'));
    client.send('0\r\n\r\n');
    await upstream.until((bytes) => bytes.endsWith('2\r\nde\r\n0\r\n\r\n'));
    upstream.write(plainAnswer);
    assert.equal((await client.response()).body, 'ok');
  });

  it('carries a megabyte through unchanged', async () => {
    const body = 'weir'.repeat(262_144);
    const { origin } = await converse(
      `PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      plainAnswer,
    );
    assert.equal(readOne(origin).body === body, true);
  });
});

describe('response bodies', () => {
  it('frames chunks anew and drops extensions and trailers', async () => {
    const { received, response } = await converse(
      get,
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n',
    );
    assert.equal(response.body, 'abcde');
    assert.ok(received.endsWith('\r\n\r\n5\r\nabcde\r\n0\r\n\r\n'));
    assert.deepEqual(fieldValues(response, 'trailer'), []);
  });

  it('turns chunks into a body until close for HTTP/1.0', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n');
    const received = await client.untilEnded();
    assert.ok(received.endsWith('Connection: close\r\n\r\nabc'), JSON.stringify(received));
    assert.ok(!/transfer-encoding/i.test(received));
  });

  it('turns a body until close into chunks and keeps the client', async () => {
    await using origin = await RawOrigin.start((connection) => {
      connection.socket.once('data', () => {
        connection.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
      });
    });
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    assert.equal((await client.response()).body, 'until the end');
    client.send(get);
    assert.deepEqual(
      (await client.responses(2)).map(({ body }) => body),
      ['until the end', 'until the end'],
    );
    assert.equal(origin.connections.length, 2);
  });

  for (const [name, method, answer, expected] of [
    [
      'HEAD with a length',
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n',
      ['content-length=5000'],
    ],
    [
      'HEAD of a chunked answer',
      'HEAD',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      ['transfer-encoding=chunked'],
    ],
    [
      'HEAD with 204 and a coding',
      'HEAD',
      'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
      [],
    ],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', []],
    [
      '204 with a length it may not have',
      'GET',
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
      [],
    ],
    [
      '304 with the length of what it stands for',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n',
      ['content-length=77'],
    ],
  ] as const) {
    it(`has no body: ${name}, and the connection goes on`, async () => {
      await using origin = await RawOrigin.answering((_, index) =>
        index === 0 ? answer : plainAnswer,
      );
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(`${method} / HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const response = await client.response(noBody);
      assert.ok(client.received.endsWith('\r\n\r\n'));
      const framing = response.fields
        .filter(([field]) => /^(?:content-length|transfer-encoding)$/i.test(field))
        .map(([field, value]) => `${field.toLowerCase()}=${value}`);
      assert.deepEqual(framing, expected);
      client.send(get);
      const responses = await client.responses(2, (index) => index === 0);
      assert.equal(responses[1]?.body, 'ok');
      assert.equal(origin.connections.length, 1);
    });
  }

  it('passes informational responses on, but not its own 100', async () => {
    const { received } = await converse(
      get,
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nContent-Length: 3\r\n\r\n${plainAnswer}`,
    );
    assert.ok(
      received.startsWith('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n'),
      received,
    );
  });

  it('cuts a client that could not tell a broken answer from a whole one', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.0\r\nHost: a.test\r\n\r\n');
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await client.until((bytes) => bytes.endsWith('abc'));
    upstream.socket.destroy();
    await client.wait(() => (client.closed || client.ended ? true : undefined));
    assert.equal(
      client.error,
      'ECONNRESET',
      'a body until close that ends early ends with a reset',
    );
  });

  it('does not end the chunks of an answer that was broken off', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await client.until((bytes) => bytes.endsWith('abc\r\n'));
    upstream.socket.destroy();
    const received = await client.untilEnded();
    assert.equal(readMessages(received).messages.length, 0, 'no whole message');
  });
});

describe('Expect: 100-continue', () => {
  const ask =
    'POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n';

  it('asks for the body once the origin is there, and does not pass the expectation on', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(ask);
    await client.until((bytes) => bytes === 'HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    assert.equal(statusOf(await client.response()), 200);
    assert.deepEqual(fieldValues(readOne(origin.received), 'expect'), []);
  });

  it('gives a final answer at once where there is no route', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ match: { path: '/x' }, upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(ask);
    const { messages } = readMessages(await client.untilEnded());
    assert.deepEqual(messages.map(statusOf), [404]);
    assert.equal(origin.connections.length, 0);
  });

  it('does not ask for a body that is already coming', async () => {
    const { received } = await converse(`${ask}hello`, plainAnswer);
    assert.ok(received.startsWith('HTTP/1.1 200 OK'));
  });
});

describe('an answer before the request has ended', () => {
  it('reaches the client, and neither connection is used again', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nabc');
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('abc'));
    upstream.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
    const received = await client.untilEnded();
    const [message] = readMessages(received).messages;
    assert.equal(message?.body, 'no');
    assert.deepEqual(fieldValues(message as NonNullable<typeof message>, 'connection'), ['close']);
    await upstream.untilEnded();
  });
});
