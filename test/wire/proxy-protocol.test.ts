/** A load balancer in front that speaks the PROXY protocol: whose connection it is, and who may say so. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { encodeProxyHeader } from '#proxy/listener/encode-proxy-header.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { get, tlsConnect, tlsEdge } from '../support/tls-edge.ts';

const line = (source: string): string => `PROXY TCP4 ${source} 198.51.100.1 1000 443\r\n`;
const refused = 'weir_connections_refused_total{reason="proxy-header"}';

function behind(
  url: string,
  edge: Record<string, unknown> = {},
  from = ['127.0.0.0/8'],
): EdgeOptions {
  return {
    ...simpleEdge(url, edge),
    listeners: [{ address: '127.0.0.1:0', plaintext: true, proxyProtocol: { from } }],
  };
}

const forwardedFor = (origin: RawOrigin): string[] =>
  fieldValues(readOne(origin.received), 'x-forwarded-for');

describe('a PROXY header', () => {
  it('version 1: the client is who it names, for the origin and the log', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(behind(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(line('192.0.2.7') + get);
    assert.equal(statusOf(await client.response()), 200);
    assert.deepEqual(forwardedFor(origin), ['192.0.2.7']);
    assert.equal((await edge.accessLines(1))[0]?.['client'], '192.0.2.7');
  });

  it('version 2, a byte at a time, before TLS', async () => {
    const site = await makeDevelopmentCertificate(['a.test']);
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = tlsEdge(origin.url, [site]);
    await using edge = await TestEdge.start({
      ...options,
      listeners: [{ ...options.listeners?.[0], proxyProtocol: { from: ['127.0.0.1'] } }],
    });
    using raw = await RawClient.connect(edge.address);
    const header = encodeProxyHeader('2001:db8::7', 1, '2001:db8::1', 443).toString('latin1');
    await raw.sendSplit(
      header,
      Array.from(header, (_, at) => at),
    );
    const socket = tlsConnect(edge.address, { socket: raw.socket });
    using client = new RawClient(socket);
    await once(socket, 'secureConnect');
    client.send(get);
    assert.equal(statusOf(await client.response()), 200);
    assert.deepEqual(forwardedFor(origin), ['2001:db8::7']);
  });

  it('and the first request in one packet, and a redirect behind one', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      listeners: [
        { address: '127.0.0.1:0', redirect: 'https', proxyProtocol: { from: ['127.0.0.1'] } },
      ],
    });
    using client = await RawClient.connect(edge.address);
    client.send(line('192.0.2.7') + get);
    assert.equal(statusOf(await client.response()), 308);
  });

  it('of a connection of the balancer’s own: the peer stays who it is', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(behind(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(`PROXY UNKNOWN\r\n${get}`);
    await client.response();
    assert.deepEqual(forwardedFor(origin), ['127.0.0.1']);
  });

  it('of a blocked client: reset, before and after the block', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(behind(origin.url));
    using early = await RawClient.connect(edge.address);
    early.send(line('192.0.2.7') + get);
    await early.response();
    edge.proxy.applyBlocks(1, [{ target: '192.0.2.0/24', expiresAtMs: null }], []);
    await early.untilEnded();
    using late = await RawClient.connect(edge.address);
    late.send(line('192.0.2.8') + get);
    assert.equal(await late.untilEnded(), '');
    using other = await RawClient.connect(edge.address);
    other.send(line('198.51.100.8') + get);
    assert.equal(statusOf(await other.response()), 200);
    assert.equal(edge.sample('weir_connections_refused_total{reason="blocked"}'), 2);
  });

  const broken: readonly [why: string, bytes: string][] = [
    ['that is missing', get],
    ['that is broken', 'PROXY TCP4 192.0.2.7 198.51.100.1 1 70000\r\n'],
    ['that has no end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['twice, the second one being no request', line('192.0.2.7').repeat(2)],
  ];
  for (const [why, bytes] of broken) {
    it(`${why}: nothing reaches the origin`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(behind(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(bytes);
      await client.untilEnded();
      assert.equal(origin.connections.length, 0);
      assert.equal(edge.sample(refused), why.startsWith('twice') ? 0 : 1);
    });
  }

  it('that does not come in time: reset', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(behind(origin.url, { timeouts: { handshakeMs: 50 } }));
    using client = await RawClient.connect(edge.address);
    client.send('PROXY');
    assert.equal(await client.untilEnded(), '');
    assert.equal(edge.sample(refused), 1);
  });

  it('from somebody who may not send it: reset, unheard', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(behind(origin.url, {}, ['127.0.0.2', '::1']));
    using stranger = await RawClient.connect(edge.address);
    stranger.send(line('192.0.2.7') + get);
    assert.equal(await stranger.untilEnded(), '');
    assert.equal(edge.sample(refused), 1);
    using balancer = await RawClient.connect(edge.address, '127.0.0.2');
    balancer.send(line('192.0.2.7') + get);
    assert.equal(statusOf(await balancer.response()), 200);
  });

  it('on a listener that knows of none is no request', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(line('192.0.2.7') + get);
    assert.equal(statusOf(readOne(await client.untilEnded())), 400);
    assert.equal(origin.connections.length, 0);
  });
});
