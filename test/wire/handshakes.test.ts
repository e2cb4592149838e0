/** What a worker knows of who has shown that he is there: in every kind of listener, open or closed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { get, tlsConnect, tlsEdge } from '../support/tls-edge.ts';

let site: DevelopmentCertificate;
before(async () => {
  site = await makeDevelopmentCertificate(['a.test']);
});

const from = '127.0.0.1';
const handshakes = (edge: TestEdge) => edge.proxy.handshakes([from])[0];

describe('a client is known to have spoken', () => {
  it('by a request, while its connection is open and afterwards', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address, from);
    client.send(get);
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(handshakes(edge)?.spoke, 1);
    client.socket.end();
    await edge.until('weir_connections_open', 0);
    assert.deepEqual(handshakes(edge), { opened: 1, refused: 0, spoke: 1 });
  });

  it('by a TLS hello', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    const client = tlsConnect(edge.address, { servername: 'a.test' });
    await once(client, 'secureConnect');
    assert.equal(handshakes(edge)?.spoke, 1);
    client.end();
    await edge.until('weir_connections_open', 0);
    assert.deepEqual(handshakes(edge), { opened: 1, refused: 0, spoke: 1 });
  });
});

describe('a client is silent', () => {
  it('when it has closed without a word, not while it has just come', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address, from);
    await edge.until('weir_connections_open', 1);
    assert.deepEqual(handshakes(edge), { opened: 0, refused: 0, spoke: 0 });
    client.socket.destroy();
    await edge.until('weir_connections_open', 0);
    assert.deepEqual(handshakes(edge), { opened: 1, refused: 0, spoke: 0 });
  });

  it('not because it was refused', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { connectionsMax: 1, unlimitedAddresses: [] } }),
    );
    using first = await RawClient.connect(edge.address, '127.0.0.2');
    await edge.until('weir_connections_open', 1);
    using refused = await RawClient.connect(edge.address, from);
    await refused.untilEnded();
    assert.deepEqual(handshakes(edge), { opened: 0, refused: 1, spoke: 0 });
    assert.ok(first);
  });
});
