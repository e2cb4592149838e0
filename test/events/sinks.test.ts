/** Where events are sent: what a sink does when its place is slow, away, full, or says no. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type EcsEvent, ecsEvent } from '#events/ecs-event.ts';
import { sumEvent } from '#events/make-event.ts';
import { FileSink } from '#events/sinks/file-sink.ts';
import { SinkQueue, type SinkTransport } from '#events/sinks/sink-queue.ts';
import { octetCounted, syslogMessage } from '#events/sinks/syslog-message.ts';
import { SyslogSink } from '#events/sinks/syslog-sink.ts';
import { WebhookSink } from '#events/sinks/webhook-sink.ts';
import { streamCollector, webhookReceiver } from '../support/log-collectors.ts';
import { until } from '../support/until.ts';

const event = (reason: string): EcsEvent =>
  ecsEvent(sumEvent('refused', 1_760_000_000_000, reason, 2));
const events = (count: number): EcsEvent[] =>
  Array.from({ length: count }, (_, index) => event(`number ${index}`));

/** Delivers when it is told to. */
function heldTransport(batchMax: number, attemptsMax = Number.POSITIVE_INFINITY) {
  const delivered: number[] = [];
  let problem: Error | null = null;
  const held: (() => void)[] = [];
  let isHeld = false;
  const transport: SinkTransport = {
    name: 'held',
    kind: 'file',
    batchMax,
    attemptsMax,
    deliver: async (batch) => {
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
      if (problem !== null) throw problem;
      delivered.push(batch.length);
    },
    close: async () => {},
  };
  return {
    transport,
    delivered,
    fail: (error: Error | null) => {
      problem = error;
    },
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      for (const go of held.splice(0)) go();
    },
  };
}

describe('the line of a sink', () => {
  it('goes out in batches, in its order', async () => {
    const place = heldTransport(3);
    const queue = new SinkQueue(place.transport, () => {});
    queue.offer(events(7));
    await until('all are sent', () => queue.status.sent === 7);
    assert.deepEqual(place.delivered, [3, 3, 1]);
    await queue.close();
  });

  it('is bounded, and counts what finds no room', async () => {
    const place = heldTransport(2);
    place.hold();
    const queue = new SinkQueue(place.transport, () => {}, 1, 5);
    queue.offer(events(2));
    queue.offer(events(9));
    assert.deepEqual([queue.status.waiting, queue.status.lost], [5, 4]);
    place.release();
    await until('what had room is sent', () => queue.status.sent === 7);
    await queue.close();
  });

  it('tries a batch again until it is through, and says why it is not', async () => {
    const place = heldTransport(10);
    place.fail(new Error('no such place'));
    const said: (string | null)[] = [];
    const queue = new SinkQueue(place.transport, (problem) => said.push(problem), 1);
    queue.offer(events(3));
    await until('it has failed thrice', () => queue.status.failures >= 3);
    assert.equal(queue.status.problem, 'no such place');
    place.fail(null);
    await until('they are sent', () => queue.status.sent === 3);
    assert.deepEqual(said, ['no such place', null]);
    await queue.close();
  });

  it('gives a batch up where the sink says so, and goes on with the next', async () => {
    const place = heldTransport(1, 2);
    place.fail(new Error('refused'));
    const queue = new SinkQueue(place.transport, () => {}, 1);
    queue.offer(events(2));
    await until('both are lost', () => queue.status.lost === 2);
    assert.equal(queue.status.failures, 4);
    await queue.close();
  });

  it('ends with the node, and counts what did not go', async () => {
    const place = heldTransport(1);
    place.fail(new Error('away'));
    const queue = new SinkQueue(place.transport, () => {}, 60_000);
    queue.offer(events(4));
    await until('it has failed', () => queue.status.problem !== null);
    await queue.close();
    assert.deepEqual([queue.status.sent, queue.status.lost], [0, 4]);
  });
});

describe('a file', () => {
  it('is turned over when it is full, and keeps so many', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-events-file-'));
    try {
      const path = join(folder, 'events.jsonl');
      const line = JSON.stringify(event('a')).length + 1;
      const sink = new FileSink({ path, rotateBytes: 2 * line, keep: 2 });
      for (let i = 0; i < 9; i++) await sink.deliver([event('a')]);
      assert.deepEqual(readdirSync(folder).toSorted(), [
        'events.jsonl',
        'events.jsonl.1',
        'events.jsonl.2',
      ]);
      const lines = (name: string): number =>
        readFileSync(join(folder, name), 'utf8').trim().split('\n').length;
      assert.deepEqual(['events.jsonl', 'events.jsonl.1', 'events.jsonl.2'].map(lines), [1, 2, 2]);
      // Something else turns it over too.
      renameSync(path, join(folder, 'moved'));
      await sink.deliver([event('b')]);
      assert.match(readFileSync(path, 'utf8'), /"reason":"b"/);
      await sink.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('that cannot be written is an error, and no line is half there', async () => {
    const sink = new FileSink({ path: '/nowhere/events.jsonl', rotateBytes: 100, keep: 0 });
    await assert.rejects(sink.deliver([event('a')]), /ENOENT/);
  });
});

describe('syslog', () => {
  it('has the head of RFC 5424 and the event as its text', () => {
    const text = syslogMessage(event('a')).toString();
    assert.match(text, /^<110>1 2025-10-09T08:53:20\.000Z \S+ weir \d+ refused - \{"@timestamp"/);
    const counted = octetCounted(Buffer.from('é'));
    assert.equal(counted.toString(), '2 é');
  });

  it('goes on over a new connection when the collector comes back', async () => {
    let collector = await streamCollector(null);
    const { port } = collector;
    const sink = new SyslogSink({ protocol: 'tcp', host: '127.0.0.1', port, ca: null });
    const queue = new SinkQueue(sink, () => {}, 5);
    queue.offer([event('first')]);
    await until('the first is there', () => collector.messages.length === 1);
    await collector[Symbol.asyncDispose]();
    // What is written to a connection that has ended unnoticed is lost with it; what is refused is not.
    await until('it is noticed', () => {
      if (queue.status.waiting === 0) queue.offer([event('into the void')]);
      return queue.status.problem !== null;
    });
    queue.offer([event('last')]);
    collector = await streamCollector(null, port);
    await until('the last is there', () =>
      collector.messages.some((text) => text.includes('"last"')),
    );
    assert.equal(queue.status.problem, null);
    await queue.close();
    await collector[Symbol.asyncDispose]();
  });

  it('over TLS is for who shows a certificate that is believed', async () => {
    const { makeDevelopmentCertificate } = await import('../../certs/development-certificate.ts');
    const made = await makeDevelopmentCertificate(['localhost']);
    await using collector = await streamCollector({ cert: made.certificate, key: made.privateKey });
    const sink = new SyslogSink({
      protocol: 'tls',
      host: 'localhost',
      port: collector.port,
      ca: null,
    });
    await assert.rejects(sink.deliver([event('a')], new AbortController().signal), /certificate/);
    assert.equal(collector.messages.length, 0);
    await sink.close();
  });
});

describe('a webhook', () => {
  const secret = 'x'.repeat(32);
  const options = { secret, timeoutMs: 20_000, attemptsMax: 3 };
  const never = new AbortController().signal;

  it('is never called at an address of this machine, whatever name leads there', async () => {
    await using receiver = await webhookReceiver();
    const url = receiver.url.replace('127.0.0.1', 'localhost');
    const sink = new WebhookSink({ ...options, url, allowInternal: false });
    await assert.rejects(sink.deliver([event('a')], never), /not public/);
    assert.equal(receiver.posts.length, 0);
    await sink.close();
  });

  it('that answers with another status than 2xx has not taken it, and redirects lead nowhere', async () => {
    await using receiver = await webhookReceiver([500, 302]);
    const sink = new WebhookSink({ ...options, url: receiver.url, allowInternal: true });
    await assert.rejects(sink.deliver([event('a')], never), /answered with 500/);
    await assert.rejects(sink.deliver([event('a')], never), /answered with 302/);
    await sink.deliver([event('a')], never);
    assert.equal(receiver.posts.length, 3);
    await sink.close();
  });
});
