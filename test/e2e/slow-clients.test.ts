/**
 * A thousand clients of the slow kinds at once against the shipped process: everybody else is served, each
 * of them is cut at its limit, and what they cost is bounded.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { SlowClients, type SlowKind } from '../support/slow-clients.ts';

const countMax = 1_000;
/** More than the kernel takes for who does not read, so that the origin has to wait. */
const large = Buffer.concat([
  Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n'),
  Buffer.alloc(8_388_608, 'x'),
]);
const limitMs = 2_000;
const trickleMs = 250;
/** What one slow client may cost: socket buffers of both sides and what is kept of its bytes. */
const bytesEachMax = 128 * 1_024;
/** What the kernel may keep of one answer that is not read; by itself it takes 2.5 MB and more on loopback. */
const queuedBytesMax = 1_048_576;
/** A heap that has not been collected yet. */
const spareBytes = 128 * 1_048_576;

describe(`${countMax} slow clients`, () => {
  let origin: RawOrigin;
  let edge: EdgeProcess;
  before(async () => {
    origin = await RawOrigin.start((connection) => {
      connection.socket.on('data', (bytes: Buffer) => {
        // One buffer for all of them; every request here is a head alone, whole in one read.
        if (bytes.includes('GET /large')) connection.socket.write(large);
        else if (bytes.includes('GET /bystander')) connection.write(plainAnswer);
      });
    });
    edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  # Whether the machine that tests has time to spare is no part of the question.
  timeouts: { headMs: ${limitMs}, bodyIdleMs: ${limitMs}, sendMs: ${limitMs}, connectMs: 60000 }
  limits: { shedAtLoopDelayMs: 60000 }
upstreams: { app: { connectionsMax: ${countMax + 10}, servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]`);
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  const cases: readonly {
    readonly kind: SlowKind;
    readonly count: number;
    readonly title: string;
  }[] = [
    {
      kind: 'head',
      count: countMax,
      title: 'heads that trickle in: all cut with 408, a bystander never waits',
    },
    {
      kind: 'body',
      count: countMax,
      title: 'bodies that trickle in: all cut with 408, a bystander never waits',
    },
    {
      kind: 'read',
      // A thousand would take more of the kernel than it gives all of TCP: for the origin, which is here too.
      count: 100,
      title: 'answers nobody reads: all cut before their end, a bystander never waits',
    },
  ];
  for (const { kind, count, title } of cases) {
    it(title, async (test) => {
      const port = edge.ports[0] as number;
      const memoryBefore = workerBytes();
      using slow = await SlowClients.start(kind, count, port, trickleMs);
      let answered = 0;
      let memoryMax = 0;
      let queuedMax = 0;
      // The bystander asks until every slow client is cut; who does not read does not see it, the origin does.
      do {
        using client = await RawClient.connect(`127.0.0.1:${port}`);
        client.send('GET /bystander HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n');
        assert.equal((await client.response()).first, 'HTTP/1.1 200 OK');
        answered++;
        memoryMax = Math.max(memoryMax, workerBytes());
        queuedMax = Math.max(queuedMax, queuedBytes(port));
      } while (
        kind === 'read' ? cutAtOrigin() < count : slow.clients.some(({ closed }) => !closed)
      );
      await slow.untilClosed();
      const grewBytes = memoryMax - memoryBefore;
      test.diagnostic(
        `${answered} bystanders answered, memory +${Math.round(grewBytes / 1e6)} MB, ${queuedMax} bytes in the kernel for one`,
      );
      assert.ok(queuedMax < queuedBytesMax, `${queuedMax} bytes wait in the kernel for one client`);
      assert.ok(grewBytes < spareBytes + count * bytesEachMax, `memory grew by ${grewBytes} bytes`);
      if (kind !== 'read') {
        const told = slow.clients.filter(({ received }) => received !== '').length;
        assert.ok(told > count / 2, `${told} of ${count} were told`);
      }
      for (const { received, receivedBytes } of slow.clients) {
        if (kind === 'read') assert.ok(receivedBytes < large.length, 'cut before the end');
        // A connection of which nothing was read in time is closed without a word.
        else assert.match(received, /^(?:$|HTTP\/1\.1 408 )/);
      }
    });
  }

  const cutAtOrigin = (): number =>
    origin.connections.filter(({ ended, received }) => ended && received.includes('/large')).length;

  let pid = 0;
  before(async () => {
    const { body } = await edge.call('GET', '/api/v1/status');
    pid = (body['workers'] as { pid: number }[])[0]?.pid ?? 0;
  });
  function workerBytes(): number {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024;
  }
});

/** The most that waits on one connection of the port to be sent, or to be acknowledged. */
function queuedBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const queues = rows.map((row) => row.trim().split(/\s+/));
  return queues.reduce((most, [, from, , , queue]) => {
    return from?.endsWith(local) ? Math.max(most, Number.parseInt(queue ?? '0', 16)) : most;
  }, 0);
}
