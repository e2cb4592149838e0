/**
 * Do clients that flood the edge with HTTP/2 frames, one session after another, cost it memory, or a
 * bystander his answers, and the upstream connections?
 *
 *     node bench/macro/http2-floods/run.ts [--clients 64] [--seconds 3]
 *
 * Every flood of `test/support/http2-floods.ts` in turn: each client sends it whole, waits until the edge has
 * ended the session, and begins anew. A bystander asks 100 times a second over HTTP/2 meanwhile. Ends with 1
 * where one of his requests failed or a session was not ended.
 */
import { once } from 'node:events';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { startEdgeProcess } from '../../../test/support/edge-process.ts';
import { floods } from '../../../test/support/http2-floods.ts';
import { PREFACE, settings } from '../../../test/support/http2-peer.ts';
import { memoryMb, processTree } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';
import { SteadyLoad } from '../../support/steady-load.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '3' },
  },
});
const clients = Number(values.clients);
const seconds = Number(values.seconds);
/** The edge has to end a session by then, whatever else it does. */
const sessionMsMax = 30_000;
/** What is not asked for by the bystander is never answered, so that streams stay open. */
let upstreamConnections = 0;
const origin = net.createServer((socket) => {
  upstreamConnections++;
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (bytes.includes('GET /bystander'))
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
});
origin.listen(0, '127.0.0.1');
await once(origin, 'listening');
const { port: originPort } = origin.address() as net.AddressInfo;
await using edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true, http2: true }]
upstreams: { app: { connectionsMax: 10000, servers: [{ url: "http://127.0.0.1:${originPort}" }] } }
routes: [{ upstream: app }]`);
const port = edge.ports[0] as number;
const worker = processTree(edge.process.pid ?? -1).at(-1) ?? -1;
const startMb = memoryMb([worker]);

const rows: Record<string, unknown>[] = [];
let isBad = false;
for (const [ending, title, frames] of floods) {
  const bytes = Buffer.concat([PREFACE, settings(), ...frames]);
  const bystander = new SteadyLoad({
    protocol: 'h2',
    host: '127.0.0.1',
    port,
    tls: false,
    servername: 'edge.test',
    connections: 2,
    streams: 10,
    answersPerConnection: 1_000,
    method: 'GET',
    path: '/bystander',
    headers: {},
    body: '',
    expectStatus: 200,
    requestsPerSecond: 100,
    requestsMax: Number.POSITIVE_INFINITY,
    answerMs: 30_000,
  });
  const load = bystander.run();
  const connectionsBefore = upstreamConnections;
  const endAt = performance.now() + seconds * 1_000;
  let memoryMax = 0;
  const timer = setInterval(() => {
    memoryMax = Math.max(memoryMax, memoryMb([worker]));
  }, 100);
  let ended = 0;
  let left = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < endAt) {
        if (await endedByEdge(bytes)) ended++;
        else left++;
      }
    }),
  );
  clearInterval(timer);
  bystander.stop();
  await load;
  const { answered, failed, p50Ms, p99Ms } = bystander.figures();
  isBad ||= left > 0 || failed !== 0;
  const row = {
    ending,
    title,
    frames: frames.length,
    sessions: ended,
    left,
    memoryMbMax: Math.round(memoryMax),
    upstreamConnections: upstreamConnections - connectionsBefore,
  };
  rows.push({ ...row, bystander: { answered, failed, p50Ms, p99Ms } });
  process.stderr.write(`${JSON.stringify(rows.at(-1))}\n`);
}
origin.close();
keepResult(
  'http2-floods',
  `node bench/macro/http2-floods/run.ts --clients ${clients} --seconds ${seconds}`,
  {
    clients,
    memoryMbAtStart: Math.round(startMb),
    memoryMbAtEnd: Math.round(memoryMb([worker])),
    rows,
  },
);
// Not by exit: the edge is still to be ended.
process.exitCode = isBad ? 1 : 0;

/** Sends everything at once; false where the session still stood after a long time. */
function endedByEdge(bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const timer = setTimeout(() => {
      resolve(false);
      socket.destroy();
    }, sessionMsMax);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.on('data', () => {});
    socket.write(bytes);
  });
}
