/** The block list as peers meet it: cut before a byte is read, and in the middle of a connection. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = (fields = ''): string => `GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const forever = (target: string) => ({ target, expiresAtMs: null });
const refused = 'weir_connections_refused_total{reason="blocked"}';

describe('a blocked address', () => {
  it('is cut before a byte is read, until it is taken off the list', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    edge.proxy.applyBlocks(1, [forever('127.0.0.2')], []);
    using blocked = await RawClient.connect(edge.address, '127.0.0.2');
    assert.equal(await blocked.untilEnded(), '');
    assert.equal(edge.sample(refused), 1);
    using other = await RawClient.connect(edge.address, '127.0.0.3');
    other.send(get());
    assert.equal(statusOf(await other.response()), 200);
    edge.proxy.applyBlocks(2, [], ['127.0.0.2']);
    using again = await RawClient.connect(edge.address, '127.0.0.2');
    again.send(get());
    assert.equal(statusOf(await again.response()), 200);
  });

  it('loses the connections it has, idle ones and those with a request in flight; others keep theirs', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using idle = await RawClient.connect(edge.address, '127.0.0.2');
    using busy = await RawClient.connect(edge.address, '127.0.0.2');
    using other = await RawClient.connect(edge.address, '127.0.0.4');
    busy.send(get());
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    edge.proxy.applyBlocks(1, [forever('127.0.0.2/31')], []);
    await Promise.all([idle.untilEnded(), busy.untilEnded(), upstream.untilEnded()]);
    other.send(get());
    await (await origin.connection(1)).until((bytes) => bytes.endsWith('\r\n\r\n'));
    assert.equal(other.ended, false);
  });

  it('no longer counts once its time is over', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    edge.proxy.applyBlocks(1, [{ target: '127.0.0.2', expiresAtMs: Date.now() - 1 }], []);
    using client = await RawClient.connect(edge.address, '127.0.0.2');
    client.send(get());
    assert.equal(statusOf(await client.response()), 200);
  });

  it('that is only watched comes in and is counted, unless another entry drops it', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const watched = { target: '127.0.0.2', expiresAtMs: null, action: 'monitor' } as const;
    edge.proxy.applyBlocks(1, [watched, { ...watched, target: '127.0.0.0/30' }], []);
    using client = await RawClient.connect(edge.address, '127.0.0.2');
    client.send(get());
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(edge.sample('weir_block_monitored_total'), 1);
    // Drop wins, however specific the other is: as in the kernel.
    edge.proxy.applyBlocks(2, [forever('127.0.0.0/24')], []);
    await client.untilEnded();
    using other = await RawClient.connect(edge.address, '127.0.0.2');
    assert.equal(await other.untilEnded(), '');
    const hits = edge.proxy.takeBlockHits().map(({ lastMs: _, ...hit }) => hit);
    assert.deepEqual(hits, [
      { target: '127.0.0.2', action: 'monitor', hits: 1, address: '127.0.0.2' },
      { target: '127.0.0.0/24', action: 'drop', hits: 1, address: '127.0.0.2' },
    ]);
    assert.deepEqual(edge.proxy.takeBlockHits(), []);
    // One entry of a target: watched now, not dropped any more.
    edge.proxy.applyBlocks(3, [{ ...watched, target: '127.0.0.0/24' }], []);
    using third = await RawClient.connect(edge.address, '127.0.0.2');
    third.send(get());
    assert.equal(statusOf(await third.response()), 200);
  });

  it('ranges of IPv6, and IPv4 addresses written as IPv6', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      listeners: [
        { address: '127.0.0.1:0', plaintext: true },
        { address: '[::1]:0', plaintext: true },
      ],
    });
    const [four, six] = edge.addresses as readonly [string, string];
    edge.proxy.applyBlocks(1, [forever('::ffff:127.0.0.2'), forever('2001:db8::/32')], []);
    using mapped = await RawClient.connect(four, '127.0.0.2');
    assert.equal(await mapped.untilEnded(), '');
    using open = await RawClient.connect(six);
    open.send(get());
    assert.equal(statusOf(await open.response()), 200);
    edge.proxy.applyBlocks(2, [forever('::/64')], []);
    await open.untilEnded();
    using refusedNow = await RawClient.connect(six);
    assert.equal(await refusedNow.untilEnded(), '');
    assert.equal(edge.sample(refused), 3);
    using other = await RawClient.connect(four);
    other.send(get());
    assert.equal(statusOf(await other.response()), 200);
  });

  it('behind a trusted proxy gets 403, request by request', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { trustedProxies: ['127.0.0.1'] }),
    );
    edge.proxy.applyBlocks(1, [forever('203.0.113.0/24'), forever('2001:db8::/32')], []);
    using client = await RawClient.connect(edge.address);
    client.send(
      [
        '203.0.113.9',
        '198.51.100.1',
        '198.51.100.1, 2001:db8::5',
        '::ffff:203.0.113.1',
        '203.0.113.9, 198.51.100.1',
      ]
        .map((chain) => get(`X-Forwarded-For: ${chain}\r\n`))
        .join(''),
    );
    assert.deepEqual((await client.responses(5)).map(statusOf), [403, 200, 403, 403, 200]);
  });
});
