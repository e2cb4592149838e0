/**
 * HTTP/2 requests whose fields or frames are disputed (`../shared/corpora/smuggling/h2.jsonl`), each onto a
 * fresh TLS connection, in front of an HTTP/1.1 origin that records raw bytes and keeps its connections.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { readMessages } from '../support/http-read.ts';
import { GOAWAY, HEADERS, Http2Peer, headers, http2Edge } from '../support/http2-peer.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { sharedFile } from '../support/shared-file.ts';

type Row = {
  readonly id: string;
  readonly expected: 'reject' | 'normalise' | 'accept';
  readonly note: string;
  readonly raw: string;
  readonly upstream: readonly string[] | null;
  readonly body?: string;
  readonly max_upstream?: number;
};

const corpus = sharedFile('corpora/smuggling/h2.jsonl');
const rows = corpus.lines.map((line) => JSON.parse(line) as Row);

describe('disputed HTTP/2 requests', { skip: corpus.skip }, () => {
  let origin: RawOrigin;
  let edge: TestEdge;
  before(async () => {
    origin = await RawOrigin.answering(plainAnswer);
    edge = await TestEdge.start(await http2Edge(origin.url));
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  for (const row of rows) {
    it(`${row.expected} ${row.id}: ${row.note}`, async () => {
      using peer = await Http2Peer.connect(edge.address);
      peer.send(Buffer.from(row.raw, 'base64'));
      await peer.settled();
      if (row.expected === 'accept') await peer.response(1);
      else
        await peer.wait(() =>
          peer.complaint !== '' || peer.of(HEADERS).length > 0 ? true : undefined,
        );
      const seen = origin.connections
        .flatMap(({ received }) => readMessages(received).messages)
        .filter(({ raw }) => raw.includes(row.id));
      assert.ok(!origin.received.includes('/smuggled/'), 'nothing smuggled');
      if (row.upstream === null) {
        assert.ok(seen.length <= (row.max_upstream ?? 0), `${seen.length} requests`);
        assert.equal(peer.of(GOAWAY)[0]?.payload.readUInt32BE(4), 11, 'ENHANCE_YOUR_CALM');
        using other = await Http2Peer.greeted(edge.address);
        other.send(headers(1));
        assert.equal((await other.body(1)).toString(), 'ok');
        return;
      }
      const isRefusal = peer.complaint !== '';
      if (row.expected === 'reject') assert.ok(isRefusal, `refused, got ${peer.summary()}`);
      if (row.expected === 'accept') assert.equal(peer.complaint, '');
      assert.ok(seen.length <= row.upstream.length, `got ${seen.map(({ first }) => first)}`);
      if (!isRefusal) assert.equal(seen.length, row.upstream.length);
      for (const [index, message] of seen.entries())
        assert.ok(message.first.startsWith(row.upstream[index] as string), message.first);
      if (row.body !== undefined && seen[0] !== undefined)
        assert.equal(seen[0].body, Buffer.from(row.body, 'base64').toString('latin1'));
    });
  }

  it('everything the origin got was clean HTTP/1.1', () => {
    for (const { received } of origin.connections) readMessages(received);
    assert.ok(origin.connections.length > 0);
  });
});
