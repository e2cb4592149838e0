/** What a request costs its upstream before it is sent: a connection in the making, shared with who waits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { Http2Peer, headers, http2Edge, reset } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const series = (name: string, url: string): string =>
  `weir_upstream_server_${name}{upstream="app",server="${url}"}`;

describe('requests that are taken back', () => {
  it('in the read that brought them cost the upstream nothing', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    const count = 50;
    const ids = Array.from({ length: count }, (_, i) => i * 2 + 1);
    peer.send(...ids.flatMap((id) => [headers(id), reset(id)]));
    const last = count * 2 + 1;
    peer.send(headers(last));
    assert.equal((await peer.body(last)).toString(), 'ok');
    assert.equal(edge.sample('weir_http2_streams_reset_total{by="client"}'), count);
    // One at the seam of two reads may have begun.
    const asked = edge.sample(series('requests_total', origin.url));
    assert.ok(asked <= 5, `${asked} requests went to the upstream`);
    assert.ok(origin.connections.length <= 5, `${origin.connections.length} connections`);
  });

  it('while connections are made cost no more than connectingMax of them', async () => {
    // It takes connections and never says a word of TLS, so each stays in the making.
    await using origin = await RawOrigin.start();
    const url = origin.url.replace('http:', 'https:');
    await using edge = await TestEdge.start(
      simpleEdge(url, { timeouts: { connectMs: 600_000 } }, { connectingMax: 2 }),
    );
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get);
    await edge.until(series('connects_delayed_total', url), 8);
    for (const client of clients) client.socket.resetAndDestroy();
    await edge.until(series('requests_open', url), 0);
    assert.equal(edge.sample(series('connects_total', url)), 2);
    using next = await RawClient.connect(edge.address);
    next.send(get);
    await edge.until(series('requests_open', url), 1);
    assert.equal(edge.sample(series('connects_total', url)), 2);
    assert.ok(origin.connections.length <= 2);
  });
});

describe('requests that wait for a connection', () => {
  it('get 504 each in its own time when none can be made', async () => {
    await using origin = await RawOrigin.start();
    const url = origin.url.replace('http:', 'https:');
    await using edge = await TestEdge.start(
      simpleEdge(url, { timeouts: { connectMs: 200 } }, { connectingMax: 1, retries: { max: 0 } }),
    );
    using first = await RawClient.connect(edge.address);
    using second = await RawClient.connect(edge.address);
    first.send(get);
    second.send(get);
    assert.equal(statusOf(await first.response()), 504);
    assert.equal(statusOf(await second.response()), 504);
    assert.equal(edge.sample('weir_upstream_failures_total{reason="connect-timeout"}'), 2);
  });

  it('get 502 when the server refuses, all of them', async () => {
    let url: string;
    {
      await using origin = await RawOrigin.start();
      url = origin.url;
    }
    await using edge = await TestEdge.start(
      simpleEdge(url, {}, { connectingMax: 1, breaker: { failures: 100 } }),
    );
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get);
    for (const client of clients) {
      assert.equal(statusOf(await client.response()), 502);
      client.socket.destroy();
    }
    assert.equal(edge.sample('weir_upstream_failures_total{reason="connect"}'), 5);
  });

  it('are served one after another over the connections there may be', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, {}, { connectingMax: 1, connectionsMax: 2 }),
    );
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get);
    for (const client of clients) {
      assert.equal(statusOf(await client.response()), 200);
      client.socket.destroy();
    }
    assert.ok(origin.connections.length <= 2);
  });
});
