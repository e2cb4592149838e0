/** The listener that only redirects to https. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';

const start = (redirectPort?: number): Promise<TestEdge> =>
  TestEdge.start({
    ...simpleEdge('http://127.0.0.1:9', { timeouts: { headMs: 500 } }),
    listeners: [
      {
        address: '127.0.0.1:0',
        redirect: 'https',
        ...(redirectPort === undefined ? {} : { redirectPort }),
      },
    ],
  });

describe('the redirect listener', () => {
  it('reads a length beside chunked coding as the listener says', async () => {
    const both =
      'POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (const [lengthWithChunked, status] of [
      ['refuse', 400],
      ['drop', 308],
    ] as const) {
      await using edge = await TestEdge.start({
        ...simpleEdge('http://127.0.0.1:9'),
        listeners: [{ address: '127.0.0.1:0', redirect: 'https', lengthWithChunked }],
      });
      using client = await RawClient.connect(edge.address);
      client.send(both);
      assert.equal(statusOf(readOne(await client.untilEnded())), status);
    }
  });

  const rows: readonly [
    request: string,
    port: number | undefined,
    status: number,
    location: string | undefined,
  ][] = [
    ['GET /a?b=c HTTP/1.1\r\nHost: a.test\r\n\r\n', undefined, 308, 'https://a.test/a?b=c'],
    [
      'POST / HTTP/1.1\r\nHost: a.test:8080\r\nContent-Length: 5\r\n\r\nhello',
      8443,
      308,
      'https://a.test:8443/',
    ],
    ['GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n', 8443, 308, 'https://[::1]:8443/'],
    ['GET http://b.test?x HTTP/1.1\r\nHost: a.test\r\n\r\n', undefined, 308, 'https://b.test/?x'],
    ['OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n', undefined, 308, 'https://a.test/'],
    [
      'GET //evil.test HTTP/1.1\r\nHost: a.test\r\n\r\n',
      undefined,
      308,
      'https://a.test//evil.test',
    ],
    ['GET / HTTP/1.1\r\nHost: a.test@evil.test\r\n\r\n', undefined, 400, undefined],
    ['GET / HTTP/1.1\r\nHost: a.test/evil\r\n\r\n', undefined, 400, undefined],
    ['GET / HTTP/1.1\r\nHost: a.test\rSet-Cookie: x\r\n\r\n', undefined, 400, undefined],
    ['GET / HTTP/1.1\r\n\r\n', undefined, 400, undefined],
    ['GET / HTTP/1.0\r\n\r\n', undefined, 400, undefined],
    ['GET / HTTP/2.0\r\n\r\n', undefined, 505, undefined],
  ];
  for (const [request, port, status, location] of rows) {
    it(`${JSON.stringify(request)} → ${status} ${location ?? ''}`, async () => {
      await using edge = await start(port);
      using client = await RawClient.connect(edge.address);
      client.send(request);
      const response = readOne(await client.untilEnded());
      assert.equal(statusOf(response), status);
      assert.deepEqual(fieldValues(response, 'location'), location === undefined ? [] : [location]);
      assert.deepEqual(fieldValues(response, 'connection'), ['close']);
    });
  }

  it('reads a head that comes byte by byte', async () => {
    await using edge = await TestEdge.start({
      ...simpleEdge('http://127.0.0.1:9'),
      listeners: [{ address: '127.0.0.1:0', redirect: 'https' }],
    });
    using client = await RawClient.connect(edge.address);
    const request = 'GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n';
    await client.sendSplit(
      request,
      [...request].map((_, i) => i),
    );
    assert.deepEqual(fieldValues(readOne(await client.untilEnded()), 'location'), [
      'https://a.test/slow',
    ]);
  });

  it('cuts a client whose head does not end', async () => {
    await using edge = await start();
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\n');
    assert.equal(await client.untilEnded(), '');
  });
});
