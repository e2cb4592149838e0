/**
 * An origin that answers before the request is at its end, and then resets the connection because it
 * will not read the rest: its answer is in our buffers and must reach the client.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { ResettingOrigin } from '../support/resetting-origin.ts';

const head = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000000\r\n\r\n';

for (const [name, size] of [
  ['small', 10],
  ['as large as the kernel has taken in', 50_000],
] as const) {
  it(`an early answer with a reset behind it reaches the client whole: ${name}`, async () => {
    const body = 'x'.repeat(size);
    await using origin = await ResettingOrigin.start(
      `HTTP/1.1 413 Too Large\r\nContent-Length: ${size}\r\n\r\n${body}`,
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(head);
    await origin.asked();
    // These bytes are there before the answer, so the edge meets the dead connection by writing to it.
    client.send('y'.repeat(20_000));
    origin.answerAndReset();
    const response = await client.response();
    assert.equal(statusOf(response), 413);
    assert.equal(response.body, body);
    assert.deepEqual(fieldValues(response, 'connection'), ['close']);
    await edge.until('weir_upstream_connections_open', 0);
  });
}
