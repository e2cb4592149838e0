/**
 * While an edge turns requests away, how long does a 503 take, and how long does its health?
 *
 *     node bench/macro/shedding/run.ts [--connections 256] [--seconds 8]
 *
 * Twice. `requests`: as many requests are under way as may be (their origin does not answer), and other clients
 * ask without end. `lateness`: clients send forms that rules have to read faster than one worker can, so that its event loop is
 * late. Beside them a client asks 50 times a second, once over a kept connection and once over a new one, and
 * asks for the health of the node. Ends with 1 where a 503 comes without Retry-After, health does not answer, or the
 * 99th percentile of a 503 under `requests` is over 10 ms. One worker, no access log.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { root } from '../../support/edge.ts';
import { latencyFigures } from '../../support/latency-histogram.ts';
import { freePort, untilListening } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';
import { get, HealthProbe, Probe } from './probe.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '256' },
    seconds: { type: 'string', default: '8' },
  },
});
const connections = Number(values.connections);
const seconds = Number(values.seconds);
const heldMax = 100;
const lateMs = 10;
const probeMs = 20;

// What asks for /held never hears: these are the requests under way.
const origin = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (!bytes.includes('GET /held'))
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
});
origin.listen(0, '127.0.0.1');
await once(origin, 'listening');
const originPort = (origin.address() as net.AddressInfo).port;

const form = Array.from({ length: 90 }, (_, i) => `field${i}=${'some+words+of+a+form+'.repeat(9)}`);
const body = form.join('&');
const post = `POST /form HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const runs: Record<string, unknown>[] = [];
runs.push(
  await measure('requests', `shedAtRequests: ${heldMax}, shedAtLoopDelayMs: 60000`, get('/'), true),
);
runs.push(await measure('lateness', `shedAtLoopDelayMs: ${lateMs}`, post, false));
origin.close();
keepResult(
  'shedding',
  `node bench/macro/shedding/run.ts --connections ${connections} --seconds ${seconds}`,
  { connections, heldMax, lateMs, runs },
);
const isBad = runs.some((run) => run['withoutRetryAfter'] !== 0 || run['healthFailed'] !== 0);
const [first] = runs as { kept: { p99Ms: number } }[];
process.exit(isBad || (first?.kept.p99Ms ?? Number.POSITIVE_INFINITY) > 10 ? 1 : 0);

async function measure(
  name: string,
  limits: string,
  request: string,
  isHeld: boolean,
): Promise<Record<string, unknown>> {
  const edge = await startEdge(limits);
  const held: net.Socket[] = [];
  for (let i = 0; isHeld && i < heldMax; i++) {
    const socket = net.connect({ host: '127.0.0.1', port: edge.port });
    socket.on('error', () => socket.destroy());
    socket.write(get('/held'));
    held.push(socket);
  }
  const pressure = new Worker(new URL('./pressure.ts', import.meta.url), {
    workerData: { port: edge.port, connections, request },
  });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const probe = new Probe(edge.port);
  const health = new HealthProbe(edge.admin);
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    await Promise.all([
      probe.askKept(),
      probe.askAnew(),
      health.ask(),
      new Promise((resolve) => setTimeout(resolve, probeMs)),
    ]);
  }
  pressure.postMessage('end');
  const [counts] = (await once(pressure, 'message')) as [Record<string, number>];
  await pressure.terminate();
  for (const socket of held) socket.destroy();
  probe.close();
  await edge.end();
  const run = {
    name,
    limits,
    pressure: counts,
    shed: probe.shed,
    served: probe.served,
    withoutRetryAfter: probe.withoutRetryAfter,
    kept: latencyFigures(probe.kept),
    anew: latencyFigures(probe.anew),
    servedTimes: latencyFigures(probe.servedTimes),
    healthFailed: health.failed,
    health: latencyFigures(health.times),
  };
  process.stderr.write(`${JSON.stringify(run)}\n`);
  return run;
}

type EdgeUnderTest = { port: number; admin: string; end(): Promise<void> };

async function startEdge(limits: string): Promise<EdgeUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const port = await freePort();
  const file = join(folder, 'edge.yaml');
  writeFileSync(
    file,
    `edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:${port}", plaintext: true }]
  limits: { ${limits} }
upstreams: { app: { connectionsMax: 10000, servers: [{ url: "http://127.0.0.1:${originPort}" }] } }
routes: [{ match: { path: /form }, upstream: app, waf: { rules: [core] } }, { upstream: app }]
waf: { rules: { core: { module: "builtin:core" } } }
admin: { address: "127.0.0.1:0" }
accessLog: { to: "off" }
log: { level: error }
state: state
`,
  );
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'edge', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const kill = (): unknown => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the edge ended with ${code}`);
  });
  await Promise.race([untilListening(port, 120_000), ended]);
  ended.catch(() => {});
  for (;;) {
    try {
      const { admin } = JSON.parse(readFileSync(join(folder, 'state/edge.json'), 'utf8'));
      return {
        port,
        admin,
        end: async () => {
          child.kill('SIGINT');
          child.kill('SIGTERM');
          await once(child, 'exit');
          process.removeListener('exit', kill);
          rmSync(folder, { recursive: true, force: true });
        },
      };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
