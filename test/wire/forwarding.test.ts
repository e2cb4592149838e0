/** Fields on their way: what is dropped, what the edge says itself, whom it believes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, readOne } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

async function forwarded(
  fields: string,
  trustedProxies: readonly string[] = [],
  target = '/',
): Promise<ReadMessage & { id: string }> {
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start(simpleEdge(origin.url, { trustedProxies }));
  using client = await RawClient.connect(edge.address);
  client.send(`GET ${target} HTTP/1.1\r\nHost: a.test:81\r\n${fields}\r\n`);
  const response = await client.response();
  return { ...readOne(origin.received), id: fieldValues(response, 'x-request-id')[0] as string };
}

describe('hop-by-hop fields of a request', () => {
  const rows: readonly [
    name: string,
    fields: string,
    gone: readonly string[],
    kept: readonly string[],
  ][] = [
    [
      'the well-known ones',
      'Keep-Alive: 5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: A\r\nProxy-Authorization: b\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n',
      [
        'keep-alive',
        'proxy-connection',
        'te',
        'trailer',
        'proxy-authorization',
        'upgrade',
        'connection',
      ],
      [],
    ],
    [
      'what Connection names',
      'Connection: X-Own, keep-alive\r\nx-own: 1\r\nX-Other: 2\r\n',
      ['x-own', 'connection'],
      ['x-other'],
    ],
    [
      'what a second Connection names, each time it stands',
      'A: 1\r\nConnection: keep-alive\r\na: 2\r\nConnection: A\r\n',
      ['a'],
      [],
    ],
    [
      "not the edge's own",
      'Connection: X-Forwarded-For, X-Forwarded-Proto, Forwarded, X-Request-Id\r\n',
      [],
      ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'x-request-id'],
    ],
    ['not Host', 'Connection: Host\r\n', [], ['host']],
    [
      'aliases with underscores',
      'X_Forwarded_For: 1.1.1.1\r\nX_Forwarded-Proto: https\r\nTransfer_Encoding: chunked\r\nContent_Length: 5\r\nmy_field: 1\r\n',
      ['x_forwarded_for', 'x_forwarded-proto', 'transfer_encoding', 'content_length'],
      ['my_field'],
    ],
  ];
  for (const [name, fields, gone, kept] of rows) {
    it(`drops: ${name}`, async () => {
      const request = await forwarded(fields);
      for (const field of gone) assert.deepEqual(fieldValues(request, field), [], field);
      for (const field of kept) assert.equal(fieldValues(request, field).length, 1, field);
    });
  }

  it('closes the connection although Connection names more than close', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, Host\r\n\r\n');
    await client.untilEnded();
    assert.deepEqual(fieldValues(readOne(origin.received), 'host'), ['a.test']);
  });
});

describe('hop-by-hop fields of a response', () => {
  it('do not reach the client; repeated fields do, in their order', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nset-cookie:b=2\r\n' +
        'Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n',
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const response = await client.response();
    assert.deepEqual(fieldValues(response, 'set-cookie'), ['a=1', 'b=2']);
    for (const field of ['connection', 'x-hop', 'keep-alive', 'proxy-authenticate', 'upgrade']) {
      assert.deepEqual(fieldValues(response, field), [], field);
    }
    assert.equal(fieldValues(response, 'x-request-id').length, 1);
    assert.notEqual(fieldValues(response, 'x-request-id')[0], 'theirs');
  });
});

it('an answer in a coding is the business of client and origin: not a byte of it is changed', async () => {
  const coded = gzipSync('hello '.repeat(100)).toString('latin1');
  const fields =
    'Content-Type: text/plain\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nETag: "abc-gzip"\r\nCache-Control: no-transform\r\n';
  await using origin = await RawOrigin.answering(
    `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${coded.length}\r\n\r\n${coded}`,
  );
  await using edge = await TestEdge.start(simpleEdge(origin.url));
  using client = await RawClient.connect(edge.address);
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: zstd, gzip;q=0.5\r\n\r\n');
  const response = await client.response();
  assert.equal(response.body, coded);
  assert.ok(client.received.includes(fields));
  assert.deepEqual(fieldValues(readOne(origin.received), 'accept-encoding'), ['zstd, gzip;q=0.5']);
});

describe('who the client is', () => {
  const claims =
    'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.1, 10.9.9.9\r\nX-Forwarded-Proto: https\r\n' +
    'X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Request-Id: mine-1\r\n';

  it("nobody else's word counts: all claims of an untrusted peer are replaced", async () => {
    const request = await forwarded(claims);
    assert.deepEqual(fieldValues(request, 'x-forwarded-for'), ['127.0.0.1']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-proto'), ['http']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-host'), ['a.test:81']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-port'), []);
    assert.deepEqual(fieldValues(request, 'x-real-ip'), []);
    assert.deepEqual(fieldValues(request, 'forwarded'), [
      'for=127.0.0.1;host="a.test:81";proto=http',
    ]);
    assert.deepEqual(fieldValues(request, 'x-request-id'), [request.id]);
    assert.notEqual(request.id, 'mine-1');
  });

  it("a trusted proxy's claims stay and are added to", async () => {
    const request = await forwarded(claims, ['127.0.0.0/8']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-for'), [
      '203.0.113.9, 198.51.100.1, 10.9.9.9, 127.0.0.1',
    ]);
    assert.deepEqual(fieldValues(request, 'x-forwarded-proto'), ['https']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-host'), ['evil']);
    assert.deepEqual(fieldValues(request, 'forwarded'), [
      'for=203.0.113.9',
      'for=127.0.0.1;host="a.test:81";proto=http',
    ]);
    assert.deepEqual(fieldValues(request, 'x-request-id'), ['mine-1']);
    assert.equal(request.id, 'mine-1');
  });

  it('a trusted proxy that does not say how its client came gets our own word for it', async () => {
    const request = await forwarded('X-Forwarded-For: 203.0.113.9\r\n', ['127.0.0.0/8']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-proto'), ['http']);
  });

  it('a request id of a trusted proxy that is not safe in logs is replaced', async () => {
    const request = await forwarded('X-Request-Id: a b\r\n', ['127.0.0.0/8']);
    assert.match(request.id, /^[0-9a-f]{16}-[0-9a-f]{8}$/);
  });
});

describe('the request target', () => {
  for (const [target, path, host] of [
    ['http://b.test/x?y', '/x?y', 'b.test'],
    ['HTTPS://b.test:8443', '/', 'b.test:8443'],
    ['http://b.test?q', '/?q', 'b.test'],
    ['http://[::1]:80/', '/', '[::1]:80'],
    ['/a/../b//c?x#'.slice(0, -1), '/a/../b//c?x', 'a.test:81'],
  ] as const) {
    it(`${target} becomes ${path} at ${host}`, async () => {
      const request = await forwarded('', [], target);
      assert.equal(request.first, `GET ${path} HTTP/1.1`);
      assert.deepEqual(fieldValues(request, 'host'), [host]);
    });
  }
});
