/** Who is let in at accept: limits by address, by second and by handshake, at their bounds. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import { AddressRate, limitKey } from '#proxy/listener/address-rate.ts';
import { addressShare } from '#proxy/listener/admission.ts';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { get, tlsConnect, tlsEdge, tlsRefusal } from '../support/tls-edge.ts';

let site: DevelopmentCertificate;
before(async () => {
  site = await makeDevelopmentCertificate(['a.test']);
});

const refused = (reason: string): string => `weir_connections_refused_total{reason="${reason}"}`;

async function served(edge: TestEdge, from: string): Promise<RawClient> {
  const client = await RawClient.connect(edge.address, from);
  client.send(get);
  assert.equal(statusOf(await client.response()), 200);
  return client;
}

async function turnedAway(edge: TestEdge, from: string): Promise<void> {
  using client = await RawClient.connect(edge.address, from);
  client.send(get);
  assert.equal(await client.untilEnded(), '');
}

describe('connections from one address', () => {
  it('up to the limit, then none until one has gone; others are not touched', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { addressConnectionsMax: 2, unlimitedAddresses: [] } }),
    );
    using first = await served(edge, '127.0.0.1');
    using second = await served(edge, '127.0.0.1');
    await turnedAway(edge, '127.0.0.1');
    assert.equal(edge.sample(refused('address-limit')), 1);
    using other = await served(edge, '127.0.0.2');
    first.socket.end();
    await once(first.socket, 'close');
    await edge.until('weir_connections_open', 2);
    using again = await served(edge, '127.0.0.1');
    assert.equal(edge.sample(refused('address-limit')), 1);
    assert.ok(second && other && again);
  });

  for (const limits of [
    { unlimitedAddresses: ['127.0.0.0/8'] },
    { unlimitedAddresses: [], trustedProxies: ['127.0.0.1'] },
  ]) {
    it(`without end with ${JSON.stringify(limits)}`, async () => {
      const { unlimitedAddresses, trustedProxies = [] } = limits;
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(
        simpleEdge(origin.url, {
          limits: { addressConnectionsMax: 1, connectionsPerSecondMax: 1, unlimitedAddresses },
          trustedProxies,
        }),
      );
      using first = await served(edge, '127.0.0.1');
      using second = await served(edge, '127.0.0.1');
      assert.ok(first && second);
    });
  }

  it('are counted for the client of a PROXY header, not for the balancer', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url, { limits: { addressConnectionsMax: 1, unlimitedAddresses: [] } }),
      listeners: [
        { address: '127.0.0.1:0', plaintext: true, proxyProtocol: { from: ['127.0.0.1'] } },
      ],
    });
    const connect = async (source: string): Promise<RawClient> => {
      const client = await RawClient.connect(edge.address);
      client.send(`PROXY TCP6 ${source} 2001:db8::1 1000 443\r\n${get}`);
      return client;
    };
    using first = await connect('2001:db8:1:2::1');
    await first.response();
    // The same /64.
    using second = await connect('2001:db8:1:2:ffff::2');
    assert.equal(await second.untilEnded(), '');
    using third = await connect('2001:db8:1:3::1');
    await third.response();
    assert.equal(edge.sample(refused('address-limit')), 1);
  });
});

describe('new connections a second', () => {
  it('a second’s worth at once, and no more', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { connectionsPerSecondMax: 3, unlimitedAddresses: [] } }),
    );
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get);
    await Promise.all(
      clients.map((client) =>
        client.wait(() => (client.received !== '' || client.ended ? true : undefined)),
      ),
    );
    const answered = clients.filter(({ received }) => received.startsWith('HTTP/1.1 200')).length;
    // The machine may be slow enough for the bucket to fill a little meanwhile.
    assert.ok(answered >= 3 && answered < 8, `${answered} of 8 answered`);
    assert.equal(edge.sample(refused('rate')), 8 - answered);
    for (const client of clients) client.socket.destroy();
  });
});

describe('TLS handshakes', () => {
  it('as many under way as may be, then none; one that is done makes room', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      tlsEdge(origin.url, [site], {}, { edge: { limits: { handshakesMax: 1 } } }),
    );
    using idle = await RawClient.connect(edge.address);
    idle.send('\x16');
    await edge.until('weir_tls_handshakes_open', 1);
    assert.match(await tlsRefusal(edge), /ECONNRESET|closed/);
    assert.equal(edge.sample(refused('handshakes')), 1);
    idle.socket.destroy();
    await edge.until('weir_tls_handshakes_open', 0);
    const done = tlsConnect(edge.address);
    await once(done, 'secureConnect');
    await edge.until('weir_tls_handshakes_open', 0);
    assert.equal(await tlsRefusal(edge), 'served');
    done.destroy();
  });

  it('of one address, as many a second as may be', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      tlsEdge(
        origin.url,
        [site],
        {},
        {
          edge: { limits: { addressHandshakesPerSecondMax: 1, unlimitedAddresses: [] } },
        },
      ),
    );
    const attempts = await Promise.all(Array.from({ length: 6 }, () => tlsRefusal(edge)));
    const good = attempts.filter((attempt) => attempt === 'served').length;
    assert.ok(good >= 1 && good < 6, attempts.join(' '));
    assert.equal(edge.sample(refused('handshake-rate')), 6 - good);
    assert.equal(await tlsRefusal(edge, { localAddress: '127.0.0.9' } as never), 'served');
  });
});

describe('requests on one connection', () => {
  it('the last is answered with Connection: close', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { requestsPerConnectionMax: 2 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get.repeat(3));
    const received = await client.untilEnded();
    assert.equal(received.split('HTTP/1.1 200').length - 1, 2);
    const [first, second] = await client.responses(2);
    assert.deepEqual(first && fieldValues(first, 'connection'), []);
    assert.deepEqual(second && fieldValues(second, 'connection'), ['close']);
    assert.equal(edge.sample('weir_connections_request_limit_total'), 1);
  });
});

describe('the rate of one address', () => {
  it('a second’s worth at once, then one each interval, for any number of addresses', () => {
    const rate = new AddressRate(1_000);
    assert.deepEqual(
      [0, 0, 0, 0].map((at) => rate.take('a', 3, at)),
      [true, true, true, false],
    );
    assert.equal(rate.take('b', 3, 0), true);
    assert.equal(rate.take('a', 3, 100), false);
    assert.equal(rate.take('a', 3, 340), true);
    assert.equal(rate.take('a', 3, 340), false);
    assert.deepEqual(
      [9_000, 9_000, 9_000, 9_000].map((at) => rate.take('a', 3, at)),
      [true, true, true, false],
    );
  });

  it('a million addresses take no more room than the table has; the latest are remembered', () => {
    const rate = new AddressRate(1_000);
    for (let i = 0; i < 1_000_000; i++) rate.take(`a${i}`, 1, i / 1_000);
    assert.equal(rate.size, 1_000);
    assert.equal(rate.take('a999999', 1, 1_000), false);
    assert.equal(rate.take('a0', 1, 1_000), true);
  });
});

it('addresses are counted by what one customer gets: an IPv4 address, an IPv6 /64', () => {
  assert.equal(limitKey('192.0.2.1'), '192.0.2.1');
  assert.equal(limitKey('2001:db8:1:2::1'), limitKey('2001:db8:1:2:3:4:5:6'));
  assert.notEqual(limitKey('2001:db8:1:2::1'), limitKey('2001:db8:1:3::1'));
  assert.equal(limitKey('fe80::1%eth0'), limitKey('fe80::2'));
});

it('a worker’s share of an address’s limit leaves room for the luck of the hash', () => {
  assert.equal(addressShare(50, 1), 50);
  assert.equal(addressShare(50, 2), 40);
  assert.equal(addressShare(50, 64), 4);
  assert.equal(addressShare(1, 64), 1);
});
