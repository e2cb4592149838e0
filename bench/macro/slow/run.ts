/**
 * Do a thousand slow clients, made by slowhttptest, keep anybody else from being served, and is each of them
 * cut at its limit?
 *
 *     node bench/macro/slow/run.ts [--connections 1000] [--seconds 20]
 *
 * Slow heads (-H), slow bodies (-B) and slow reading (-X), one after another, while a bystander asks 100
 * times a second. Limits of the edge are 5 s, so all are cut well before a run ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { startEdgeProcess } from '../../../test/support/edge-process.ts';
import { hasCommand, memoryMb, processTree } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';
import { SteadyLoad } from '../../support/steady-load.ts';

const limitMs = 5_000;
const bystanderConnections = 4;
const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
  },
});
if (!hasCommand('slowhttptest')) {
  process.stderr.write('slowhttptest is not installed (Debian: apt-get install slowhttptest)\n');
  process.exit(1);
}
const connections = Number(values.connections);
const seconds = Number(values.seconds);

const page = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n${'x'.repeat(1_048_576)}`,
);
const small = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
// Every request that reaches it whole is a head alone; slow bodies are never answered.
const origin = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (bytes.includes('GET /large')) socket.write(page);
    else if (bytes.includes('GET /')) socket.write(small);
  });
});
origin.listen(0, '127.0.0.1');
await once(origin, 'listening');
const originPort = (origin.address() as net.AddressInfo).port;
await using edge = await startEdgeProcess(`edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  timeouts: { headMs: ${limitMs}, bodyIdleMs: ${limitMs}, sendMs: ${limitMs} }
upstreams: { app: { connectionsMax: ${connections + 100}, servers: [{ url: "http://127.0.0.1:${originPort}" }] } }
routes: [{ upstream: app }]`);
const port = edge.ports[0] as number;

const modes = [
  { name: 'slow heads', args: ['-H', '-i', '1', '-x', '24'] },
  { name: 'slow bodies', args: ['-B', '-i', '1', '-s', '8192', '-t', 'POST'] },
  { name: 'slow reading', args: ['-X', '-n', '2', '-w', '16', '-y', '64', '-z', '16', '-k', '3'] },
];
const runs: Record<string, unknown>[] = [];
for (const { name, args } of modes) {
  const path = name === 'slow reading' ? '/large' : '/';
  const pids = processTree(edge.process.pid ?? -1);
  const before = memoryMb(pids);
  const bystander = new SteadyLoad({
    protocol: 'h1',
    host: '127.0.0.1',
    port,
    tls: false,
    servername: 'edge.test',
    connections: bystanderConnections,
    streams: 1,
    answersPerConnection: 50,
    method: 'GET',
    path: '/bystander',
    headers: {},
    body: '',
    expectStatus: 200,
    requestsPerSecond: 100,
    requestsMax: Number.POSITIVE_INFINITY,
    answerMs: 10_000,
  });
  const load = bystander.run();
  let memoryMax = before;
  let kernelMb = 0;
  const timer = setInterval(() => {
    memoryMax = Math.max(memoryMax, memoryMb(pids));
    kernelMb = Math.max(kernelMb, tcpMemoryMb());
  }, 500);
  const output = await slowHttpTest([
    '-c',
    String(connections),
    '-r',
    '200',
    '-l',
    String(seconds),
    '-p',
    '3',
    '-u',
    `http://127.0.0.1:${port}${path}`,
    ...args,
  ]);
  clearInterval(timer);
  // slowhttptest does not notice a reset while it reads slowly: who is still there is the edge's to say.
  const stillOpen = (await openConnections()) - bystanderConnections;
  bystander.stop();
  await load;
  const figures = bystander.figures();
  const run = {
    name,
    ...lastStatus(output),
    stillOpen: Math.max(0, stillOpen),
    bystander: {
      answered: figures['answered'],
      failed: figures['failed'],
      p50Ms: figures['p50Ms'],
      p99Ms: figures['p99Ms'],
      maxMs: figures['maxMs'],
    },
    memoryMbBefore: Math.round(before),
    memoryMbMax: Math.round(memoryMax),
    kernelTcpMbMax: Math.round(kernelMb),
  };
  process.stderr.write(`${JSON.stringify(run)}\n`);
  runs.push(run);
}
origin.close();
keepResult(
  'slow',
  `node bench/macro/slow/run.ts --connections ${connections} --seconds ${seconds}`,
  {
    connections,
    limitMs,
    runs,
  },
);
const failed = runs.some((run) => (run['bystander'] as { failed: number }).failed > 0);
// Not by exit: the edge is still to be ended.
process.exitCode =
  failed || runs.some(({ available, stillOpen }) => available !== true || stillOpen !== 0) ? 1 : 0;

async function openConnections(): Promise<number> {
  const { body } = await edge.call('GET', '/api/v1/status');
  const workers = body['workers'] as { readonly openConnections: number | null }[];
  return workers.reduce((sum, one) => sum + (one.openConnections ?? 0), 0);
}

/** Of the whole machine, in pages of 4 KB. */
function tcpMemoryMb(): number {
  const line = /^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'));
  return (Number(line?.[1] ?? 0) * 4_096) / 1_048_576;
}

function slowHttpTest(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('slowhttptest', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

/** What it says last of its connections, and for how long its own probe found the service away. */
function lastStatus(output: string): Record<string, unknown> {
  // Its report is coloured.
  const plain = output.replaceAll(/\u001b\[[0-9;]*m/g, '');
  const last = (name: string): number =>
    Number([...plain.matchAll(new RegExp(`${name}:\\s+(\\d+)`, 'g'))].at(-1)?.[1] ?? Number.NaN);
  const available = [...plain.matchAll(/service available:\s+(YES|NO)/g)].map(([, word]) => word);
  return {
    connected: last('connected'),
    closed: last('closed'),
    errors: last('error'),
    pending: last('pending'),
    available: available.length > 0 && available.every((word) => word === 'YES'),
    ended: /Exit status: (.*)/.exec(plain)?.[1]?.trim() ?? '',
    endedAtSecond: Number(/Test ended on (\d+)/.exec(plain)?.[1] ?? Number.NaN),
  };
}
