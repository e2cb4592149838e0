/** Rules on the way: what is blocked never reaches the origin, and what the client is told of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockWhen, type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const attack = (fields = ''): string => `GET /?q=attack HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const guarded = (url: string, mode: string): EdgeOptions => ({
  ...simpleEdge(url),
  routes: [{ upstream: 'app', waf: { mode, rules: ['words'] } }],
  modules: { words: blockWhen('attack') },
});

describe('a request that a rule blocks', () => {
  it('gets 403 as problem JSON with its request id, keeps its connection, and never reaches the origin', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url, 'block'));
    using client = await RawClient.connect(edge.address);
    client.send(attack());
    const response = await client.response();
    const id = fieldValues(response, 'x-request-id')[0];
    assert.equal(statusOf(response), 403);
    assert.deepEqual(fieldValues(response, 'content-type'), ['application/problem+json']);
    assert.deepEqual(JSON.parse(response.body), {
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      detail: 'The request was blocked.',
      requestId: id,
    });
    assert.doesNotMatch(response.raw, /test\/text|holds a text/, 'nothing of the rule');
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.deepEqual((await client.responses(2)).map(statusOf), [403, 200]);
    assert.doesNotMatch(origin.received, /attack/);
    const [line] = await edge.accessLines(2);
    assert.equal(line?.['outcome'], 'blocked');
    assert.equal(line?.['id'], id);
    assert.deepEqual(line?.['verdict'], {
      rule: 'test/text',
      target: 'head',
      reason: 'the head holds a text',
      enforced: true,
    });
  });

  it('gets a page where it asks for HTML, with the request id in it', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(guarded(origin.url, 'block'));
    using client = await RawClient.connect(edge.address);
    client.send(attack('Accept: text/html,*/*;q=0.8\r\n'));
    const response = await client.response();
    assert.deepEqual(fieldValues(response, 'content-type'), ['text/html; charset=utf-8']);
    assert.ok(response.body.includes(`<code>${fieldValues(response, 'x-request-id')[0]}</code>`));
    assert.equal(origin.connections.length, 0);
  });

  it('a HEAD request gets the head alone', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(guarded(origin.url, 'block'));
    using client = await RawClient.connect(edge.address);
    client.send('HEAD /attack HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.until((bytes) => bytes.endsWith('\r\n\r\n'));
    client.send(attack('Connection: close\r\n'));
    const { messages } = readMessages(await client.untilEnded(), (index) => index === 0);
    assert.deepEqual(messages.map(statusOf), [403, 403]);
  });

  it('gets its answer before its body is asked for, and the connection ends', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(guarded(origin.url, 'block'));
    using client = await RawClient.connect(edge.address);
    client.send(
      'POST /attack HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n',
    );
    const { messages } = readMessages(await client.untilEnded());
    assert.deepEqual(messages.map(statusOf), [403]);
    assert.equal(origin.connections.length, 0);
  });

  it('passes in monitor mode, counted and logged', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url, 'monitor'));
    using client = await RawClient.connect(edge.address);
    client.send(attack());
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(edge.sample('weir_requests_monitored_total'), 1);
    const [line] = await edge.accessLines(1);
    assert.deepEqual(line?.['verdict'], {
      rule: 'test/text',
      target: 'head',
      reason: 'the head holds a text',
      enforced: false,
    });
  });

  it('passes where rules are off, and the rule is not run', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...guarded(origin.url, 'off'),
      modules: {
        words: () => {
          throw new Error('must not run');
        },
      },
    });
    using client = await RawClient.connect(edge.address);
    client.send(attack());
    assert.equal(statusOf(await client.response()), 200);
  });

  it('is decided by the first rule that blocks, in the order of the route', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ upstream: 'app', waf: { rules: ['first', 'second'] } }],
      modules: { second: blockWhen('attack', 451), first: blockWhen('attack', 429) },
    });
    using client = await RawClient.connect(edge.address);
    client.send(attack());
    assert.equal(statusOf(await client.response()), 429);
  });

  it('sees the address that a trusted proxy names', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const seen: string[] = [];
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url, { trustedProxies: ['127.0.0.1'] }),
      routes: [{ upstream: 'app', waf: { rules: ['look'] } }],
      modules: {
        look: (_, facts) => {
          seen.push(facts.clientAddress);
          return { kind: 'allow' };
        },
      },
    });
    using client = await RawClient.connect(edge.address);
    client.send(attack('X-Forwarded-For: 1.2.3.4, 2001:DB8::1\r\n'));
    await client.response();
    assert.deepEqual(seen, ['2001:db8::1']);
  });
});

describe('a request whose first chunk is broken', () => {
  it('is refused with a request id of its own', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    const { messages } = readMessages(await client.untilEnded());
    assert.equal(statusOf(messages[0] as never), 400);
    assert.match(
      fieldValues(messages[0] as never, 'x-request-id')[0] ?? '',
      /^[0-9a-f]{16}-[0-9a-f]{8}$/,
    );
    const [line] = await edge.accessLines(1);
    assert.equal(line?.['client'], '127.0.0.1');
  });
});

describe('methods that are not served', () => {
  for (const request of ['CONNECT a.test:443', 'TRACE /', 'trace /', 'connect /', 'Trace /']) {
    it(`405 for ${request}`, async () => {
      await using origin = await RawOrigin.start();
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(`${request} HTTP/1.1\r\nHost: a.test:443\r\n\r\n`);
      const response = await client.response();
      assert.equal(statusOf(response), 405);
      assert.equal(fieldValues(response, 'allow').length, 1);
      assert.equal(origin.connections.length, 0);
    });
  }
});
