/** TLS in front: what is spoken, sessions that outlive a worker and a certificate, and the block list under it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import tls from 'node:tls';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { GOAWAY, Http2Peer, headers, PREFACE, settings } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
let first: DevelopmentCertificate;
let second: DevelopmentCertificate;

function secure(
  url: string,
  { certificate, privateKey }: DevelopmentCertificate,
  more: Partial<EdgeOptions> = {},
): EdgeOptions {
  return {
    ...simpleEdge(url),
    listeners: [
      { address: '127.0.0.1:0', tls: { certificates: [{ cert: 'site.crt', key: 'site.key' }] } },
    ],
    certificates: [{ listener: 0, cert: certificate, key: privateKey }],
    ...more,
  };
}

function connect(edge: TestEdge, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const port = Number(edge.address.slice(edge.address.lastIndexOf(':') + 1));
  return tls.connect({
    host: '127.0.0.1',
    port,
    servername: 'a.test',
    rejectUnauthorized: false,
    ...options,
  });
}

/** A request on a connection of its own; gives the session ticket that came with the answer. */
async function visit(edge: TestEdge, options: tls.ConnectionOptions = {}) {
  const socket = connect(edge, options);
  let session: Buffer | undefined;
  socket.on('session', (ticket) => {
    session = ticket;
  });
  using client = new RawClient(socket);
  await once(socket, 'secureConnect');
  client.send(get);
  const response = await client.response();
  return {
    response,
    session,
    resumed: socket.isSessionReused(),
    protocol: socket.getProtocol(),
    alpn: socket.alpnProtocol,
    fingerprint: socket.getPeerX509Certificate()?.fingerprint256,
  };
}

describe('TLS', () => {
  before(async () => {
    first = await makeDevelopmentCertificate(['a.test']);
    second = await makeDevelopmentCertificate(['a.test']);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: serves, and says https to the origin`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(secure(origin.url, first));
      const { response, protocol, alpn } = await visit(edge, {
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['http/1.1'],
      });
      assert.equal(statusOf(response), 200);
      assert.equal(protocol, version);
      assert.equal(alpn, 'http/1.1');
      assert.deepEqual(fieldValues(readOne(origin.received), 'x-forwarded-proto'), ['https']);
      assert.deepEqual(fieldValues(readOne(origin.received), 'x-forwarded-for'), ['127.0.0.1']);
    });

    it(`${version}: resumes a session at another listener with the same ticket keys`, async () => {
      const ticketKeys = randomBytes(48);
      await using origin = await RawOrigin.answering(plainAnswer);
      await using one = await TestEdge.start(secure(origin.url, first, { ticketKeys }));
      await using two = await TestEdge.start(secure(origin.url, first, { ticketKeys }));
      await using stranger = await TestEdge.start(secure(origin.url, first));
      const options = { minVersion: version, maxVersion: version };
      const { session, resumed } = await visit(one, options);
      assert.equal(resumed, false);
      assert.ok(session);
      assert.equal((await visit(two, { ...options, session })).resumed, true);
      assert.equal((await visit(stranger, { ...options, session })).resumed, false);
    });
  }

  it('TLS 1.1 is refused and counted', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(secure(origin.url, first));
    const socket = connect(edge, {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(once(socket, 'secureConnect'));
    assert.equal(edge.sample('weir_tls_handshakes_total'), 0);
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="version"}'), 1);
  });

  it('plain HTTP on the TLS port is cut', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(secure(origin.url, first));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    await client.untilEnded();
    assert.doesNotMatch(client.received, /HTTP/);
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="protocol"}'), 1);
  });

  it('a handshake that is not finished is cut when its time is up', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      secure(origin.url, first, { edge: { timeouts: { handshakeMs: 50 } } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('\x16\x03\x01');
    await client.untilEnded();
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="timeout"}'), 1);
  });

  it('a reload shows a new certificate to new connections, keeps the old ones and their sessions', async () => {
    const ticketKeys = randomBytes(48);
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(secure(origin.url, first, { ticketKeys }));
    await using sibling = await TestEdge.start(secure(origin.url, second, { ticketKeys }));
    const socket = connect(edge);
    using kept = new RawClient(socket);
    await once(socket, 'secureConnect');
    const old = await visit(edge);
    await edge.reload(secure(origin.url, second, { ticketKeys }));
    const fresh = await visit(edge);
    assert.notEqual(fresh.fingerprint, old.fingerprint);
    assert.equal(
      (await visit(sibling, { ...(fresh.session && { session: fresh.session }) })).resumed,
      true,
    );
    kept.send(get);
    assert.equal(statusOf(await kept.response()), 200);
  });

  it('a connection of an address that has just been blocked is cut', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(secure(origin.url, first));
    const socket = connect(edge);
    using client = new RawClient(socket);
    await once(socket, 'secureConnect');
    client.send(get);
    await client.response();
    edge.proxy.applyBlocks(1, [{ target: '127.0.0.1', expiresAtMs: null }], []);
    await client.untilEnded();
    assert.equal(edge.sample('weir_connections_open'), 0);
  });

  it('a whole answer is read although the edge closes after it', async () => {
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`,
    );
    await using edge = await TestEdge.start(secure(origin.url, first));
    using client = new RawClient(connect(edge));
    client.send(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const received = await client.untilEnded();
    assert.equal(readOne(received).body.length, 1_000_000);
    assert.equal(client.error, '');
  });
});

describe('a drain', () => {
  before(async () => {
    first ??= await makeDevelopmentCertificate(['a.test']);
  });
  for (const ALPNProtocols of [['http/1.1'], ['h2']]) {
    it(`serves the request of a connection that was in its handshake (${ALPNProtocols})`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(secure(origin.url, first));
      const early = await RawClient.connect(edge.address);
      await edge.until('weir_connections_open', 1);
      const drained = edge.proxy.drain(60_000, 10_000);
      const socket = tls.connect({
        socket: early.socket,
        servername: 'a.test',
        rejectUnauthorized: false,
        ALPNProtocols,
      });
      await once(socket, 'secureConnect');
      if (ALPNProtocols[0] === 'h2') {
        using peer = new Http2Peer(socket);
        peer.send(PREFACE, settings(), headers(1));
        assert.equal((await peer.body(1)).toString(), 'ok');
        assert.equal(peer.of(GOAWAY).length, 1);
      } else {
        using client = new RawClient(socket);
        client.send(get);
        const response = readOne(await client.untilEnded());
        assert.equal(statusOf(response), 200);
        assert.deepEqual(fieldValues(response, 'connection'), ['close']);
      }
      early.socket.destroy();
      await drained;
    });
  }
});
