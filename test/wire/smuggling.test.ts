/**
 * Requests whose framing or syntax is disputed (`../shared/corpora/smuggling/h1.jsonl`), each onto a fresh
 * connection, against an origin that records raw bytes and keeps its connections.
 *
 * `reject` wants a refusal and a closed connection, `normalise` that or exactly the requests listed,
 * `accept` that the good request gets through: a proxy that refuses everything fails as well.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { sharedFile } from '../support/shared-file.ts';

type Row = {
  readonly id: string;
  readonly expected: 'reject' | 'normalise' | 'accept';
  readonly note: string;
  readonly raw: string;
  readonly upstream: readonly string[] | null;
  readonly body?: string;
  readonly half_close?: boolean;
  readonly max_upstream?: number;
};

const corpus = sharedFile('corpora/smuggling/h1.jsonl');
const rows = corpus.lines.map((line) => JSON.parse(line) as Row);

describe('disputed requests', { skip: corpus.skip }, () => {
  let origin: RawOrigin;
  let edge: TestEdge;
  before(async () => {
    origin = await RawOrigin.answering((request) =>
      request.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : plainAnswer,
    );
    // A body that never comes is refused when its time is up.
    edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { headMs: 1, bodyIdleMs: 1, idleMs: 1 } }),
    );
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  // Side by side: most of them wait for a time limit.
  describe('one by one', { concurrency: 32 }, () => {
    for (const row of rows) {
      it(`${row.expected} ${row.id}: ${row.note}`, async () => {
        using client = await RawClient.connect(edge.address);
        client.socket.write(Buffer.from(row.raw, 'base64'));
        if (row.half_close === true) client.end();
        const received = await client.untilEnded();
        const method = (index: number): boolean =>
          received !== '' &&
          index === 0 &&
          Buffer.from(row.raw, 'base64').toString('latin1').startsWith('HEAD');
        const statuses = readMessages(
          received,
          (index, status) => status < 200 || status === 204 || method(index),
        )
          .messages.map(statusOf)
          .filter((status) => status >= 200);
        // Each case has its id in every target it sends, so the requests of others are told apart.
        const seen = origin.connections
          .flatMap(({ received: bytes }) => readMessages(bytes).messages)
          .filter(({ raw }) => raw.includes(row.id));
        assert.ok(!seen.some(({ first }) => first.includes('/smuggled/')), 'nothing smuggled');
        const wanted = row.upstream;
        const refused = statuses.some((status) => status >= 400);
        if (row.expected === 'reject')
          assert.ok(
            refused || row.half_close === true || statuses.length === 0,
            `refused, got ${statuses}`,
          );
        if (row.expected === 'accept') assert.ok(!refused, `accepted, got ${statuses}`);
        if (wanted === null) {
          assert.ok(seen.length <= (row.max_upstream ?? 0));
          return;
        }
        const isRefusal = row.expected !== 'accept' && refused;
        assert.ok(
          seen.length <= wanted.length,
          `at most ${wanted.length} requests, got ${seen.map(({ first }) => first)}`,
        );
        if (!isRefusal) assert.equal(seen.length, wanted.length);
        for (const [index, message] of seen.entries())
          assert.ok(message.first.startsWith(wanted[index] as string), message.first);
        if (row.body !== undefined && seen[0] !== undefined) {
          assert.equal(seen[0].body, Buffer.from(row.body, 'base64').toString('latin1'));
        }
      });
    }
  });

  it('everything the origin got was clean HTTP/1.1', () => {
    // `readMessages` throws at unclean framing, a control byte, a field name that is no token.
    for (const { received } of origin.connections) {
      for (const { fields } of readMessages(received).messages) {
        for (const [name] of fields)
          assert.doesNotMatch(name, /^(?:transfer_encoding|content_length)$/i);
      }
    }
    assert.ok(origin.connections.length > 0);
  });
});
