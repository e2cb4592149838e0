/** What an overloaded worker says, and when it stops saying it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { allow } from '../support/filters.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

describe('an overloaded worker', () => {
  it('answers 503 with Retry-After while the event loop is late, and then serves again', async () => {
    const degraded: (string | null)[] = [];
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url, { limits: { shedAtLoopDelayMs: 100 } }),
      onDegraded: (part, reason) => {
        assert.equal(part, 'overload');
        degraded.push(reason);
      },
    });
    using client = await RawClient.connect(edge.address);
    client.send(get);
    assert.equal(statusOf(await client.response()), 200);
    // One pause of the loop, long enough for its smoothed delay to be over the limit.
    pause(600);
    await edge.until('weir_load_shedding', 1);
    client.send(get);
    const [, shed] = await client.responses(2);
    assert.equal(shed && statusOf(shed), 503);
    assert.deepEqual(shed && fieldValues(shed, 'retry-after'), ['1']);
    assert.equal(edge.sample('weir_requests_shed_total'), 1);
    assert.equal(origin.connections.length, 1);
    await edge.until('weir_load_shedding', 0);
    client.send(get);
    const [, , served] = await client.responses(3);
    assert.equal(served && statusOf(served), 200);
    assert.equal(degraded.length, 2);
    assert.match(degraded[0] ?? '', /^the event loop is \d+ ms late, more than 100 ms$/);
    assert.equal(degraded[1], null);
  });

  it('answers 503 in the turn in which others have taken so long already', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url, { limits: { shedAtLoopDelayMs: 2_000 } }),
      routes: [{ upstream: 'app', waf: { rules: ['slow'] } }],
      modules: {
        slow: (view) => {
          if (view.bytes.includes('GET /slow', view.start)) pause(2_200);
          return allow;
        },
      },
      onDegraded: () => {},
    });
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(edge.address)));
    for (const client of clients) {
      client.send(get);
      assert.equal(statusOf(await client.response()), 200);
    }
    for (const client of clients) client.send(get.replace('GET /', 'GET /slow'));
    // All three are there when the loop looks again.
    pause(100);
    const statuses = await Promise.all(
      clients.map(async (client) => statusOf((await client.responses(2))[1] as never)),
    );
    assert.deepEqual(statuses.sort(), [200, 503, 503]);
    assert.equal(edge.sample('weir_requests_shed_total'), 2);
    for (const client of clients) client.socket.destroy();
  });

  it('answers 503 to requests beyond those that may be under way, and to no others', async () => {
    const degraded: (string | null)[] = [];
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url, { limits: { shedAtRequests: 1 } }),
      onDegraded: (_part, reason) => degraded.push(reason),
    });
    using first = await RawClient.connect(edge.address);
    first.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    using second = await RawClient.connect(edge.address);
    second.send(get);
    assert.equal(statusOf(await second.response()), 503);
    upstream.write(plainAnswer);
    assert.equal(statusOf(await first.response()), 200);
    await edge.until('weir_load_shedding', 0);
    first.send(get);
    await upstream.until((bytes) => bytes.split('\r\n\r\n').length === 3);
    upstream.write(plainAnswer);
    assert.equal(statusOf((await first.responses(2))[1] as never), 200);
    assert.deepEqual(degraded, ['1 requests under way, the most there may be', null]);
  });
});

/** The event loop stands still for so long. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
