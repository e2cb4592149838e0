/**
 * At about half load, do configuration reloads, certificate reloads and process upgrades fail a single
 * request?
 *
 *     node bench/macro/reload/run.ts [--requests 1000000] [--rate 4000] [--reloads 100] [--certificates 100] [--upgrades 20]
 *
 * Requests come at a fixed rate over HTTP/1.1 plain, HTTP/1.1 over TLS and, where the edge offers it, HTTP/2,
 * a third each; connections are made anew all the time. Changes are spread evenly over the run, and each is
 * checked: the generation moved, a new handshake shows the new certificate. The client retries nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { makeDevelopmentCertificate } from '../../../certs/development-certificate.ts';
import { startEdgeProcess } from '../../../test/support/edge-process.ts';
import { memoryMb, processTree } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';
import { SteadyLoad, type SteadyOptions } from '../../support/steady-load.ts';
import { liveNode, manage } from './manage.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '4000' },
    reloads: { type: 'string', default: '100' },
    certificates: { type: 'string', default: '100' },
    upgrades: { type: 'string', default: '20' },
    name: { type: 'string', default: 'reload' },
  },
});
const requests = Number(values.requests);
const rate = Number(values.rate);
const counts = {
  reload: Number(values.reloads),
  certificate: Number(values.certificates),
  upgrade: Number(values.upgrades),
};
const shop = spawn(
  process.execPath,
  [new URL('../../../src/demo/shop-process.ts', import.meta.url).pathname],
  { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
);
process.on('exit', () => shop.kill('SIGTERM'));
const [{ url }] = (await once(shop, 'message')) as [{ url: string }];
await using edge = await startEdgeProcess(`edge:
  workers: 2
  listeners:
    - { address: "127.0.0.1:0", plaintext: true }
    - { address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }
upstreams: { shop: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: shop }]`);
const [plainPort = 0, tlsPort = 0] = edge.ports;
const nodePid = (): number => liveNode(edge.folder).pid;
const configFile = join(edge.folder, 'edge.yaml');
const config = readFileSync(configFile, 'utf8');
const offersH2 = (await handshake()).alpn === 'h2';

const base: Omit<SteadyOptions, 'protocol' | 'port' | 'tls' | 'connections' | 'streams'> = {
  host: '127.0.0.1',
  servername: 'localhost',
  answersPerConnection: 500,
  method: 'GET',
  path: '/healthz',
  headers: { 'User-Agent': 'Mozilla/5.0', Accept: '*/*' },
  body: '',
  expectStatus: 200,
  requestsPerSecond: rate / (offersH2 ? 3 : 2),
  requestsMax: Math.ceil(requests / (offersH2 ? 3 : 2)),
  answerMs: 10_000,
};
// Made before: to make one is work for this process, and it would show as latency.
const certificates = await Promise.all(
  Array.from({ length: counts.certificate }, () =>
    makeDevelopmentCertificate(['localhost', '127.0.0.1']),
  ),
);
const loads = [
  new SteadyLoad({
    ...base,
    protocol: 'h1',
    port: plainPort,
    tls: false,
    connections: 16,
    streams: 1,
  }),
  new SteadyLoad({
    ...base,
    protocol: 'h1',
    port: tlsPort,
    tls: true,
    connections: 16,
    streams: 1,
  }),
  ...(offersH2
    ? [
        new SteadyLoad({
          ...base,
          protocol: 'h2',
          port: tlsPort,
          tls: true,
          connections: 4,
          streams: 10,
        }),
      ]
    : []),
];
const issued = (): number => loads.reduce((sum, load) => sum + load.issued, 0);
const failed = (): number => loads.reduce((sum, load) => sum + load.failedCount, 0);

const startedAt = performance.now();
const memoryAtStart = memoryMb(processTree(nodePid()));
const running = Promise.all(loads.map((load) => load.run()));
const changes = planned();
const slowestMs = { reload: 0, certificate: 0, upgrade: 0 };
const failedBy = { reload: 0, certificate: 0, upgrade: 0 };
for (const [index, kind] of changes.entries()) {
  const at = ((index + 1) * requests) / (changes.length + 1);
  while (issued() < at) await new Promise((resolve) => setTimeout(resolve, 5));
  const failedBefore = failed();
  const before = performance.now();
  if (kind === 'reload') await reloadConfig(index);
  else if (kind === 'certificate') await reloadCertificate();
  else await upgrade();
  slowestMs[kind] = Math.max(slowestMs[kind], Math.round(performance.now() - before));
  // What a change breaks shows within its own interval.
  failedBy[kind] += failed() - failedBefore;
  if (index % 10 === 9)
    process.stderr.write(
      `${index + 1}/${changes.length} changes, ${issued()} requests, ${failed()} failed\n`,
    );
}
await running;
keepResult(
  values.name,
  `node bench/macro/reload/run.ts --requests ${requests} --rate ${rate} --reloads ${counts.reload} --certificates ${counts.certificate} --upgrades ${counts.upgrade}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    changes: counts,
    slowestMs,
    failed: failed(),
    failedDuring: failedBy,
    offersH2,
    loads: loads.map((load) => load.figures()),
    memoryMbAtStart: Math.round(memoryAtStart),
    memoryMbAtEnd: Math.round(memoryMb(processTree(nodePid()))),
  },
);
// Its channel keeps this process; it ends when it is let go.
shop.disconnect();
process.exitCode = failed() === 0 ? 0 : 1;

/** The kinds in turn, evenly mixed. */
function planned(): (keyof typeof counts)[] {
  const all = (Object.keys(counts) as (keyof typeof counts)[]).flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, i) => ({ kind, place: (i + 0.5) / counts[kind] })),
  );
  return all.sort((a, b) => a.place - b.place).map(({ kind }) => kind);
}

/** A limit that changes with every reload, read back by the generation. */
async function reloadConfig(index: number): Promise<void> {
  writeFileSync(
    configFile,
    config.replace('workers: 2', `workers: 2\n  limits: { headersMax: ${100 + (index % 7)} }`),
  );
  await reload();
}

async function reloadCertificate(): Promise<void> {
  const made = certificates.pop();
  if (made === undefined) throw new Error('no certificate left');
  writeFileSync(join(edge.folder, 'site.crt'), made.certificate);
  writeFileSync(join(edge.folder, 'site.key'), made.privateKey, { mode: 0o600 });
  await reload();
  if (!sameLeaf((await handshake()).leaf, made.certificate))
    throw new Error('a new handshake shows another certificate than the one just loaded');
}

/** The next process has the sockets, is live, and answers for itself; the one before drains beside it. */
async function upgrade(): Promise<void> {
  const before = nodePid();
  const { status, body } = await manage(edge.folder, 'POST', '/api/v1/upgrade');
  if (status !== 200 || body['pid'] === before || nodePid() !== body['pid'])
    throw new Error(`the upgrade was not made: ${status} ${JSON.stringify(body)}`);
}

async function reload(): Promise<void> {
  const { status, body } = await manage(edge.folder, 'POST', '/api/v1/reload');
  if (status !== 200 || body['workers'] !== 2)
    throw new Error(`the reload was not confirmed: ${status} ${JSON.stringify(body)}`);
}

function sameLeaf(leaf: string, pem: string): boolean {
  return pem.replaceAll(/-----[A-Z ]+-----|\s/g, '').startsWith(leaf);
}

/** What a new client sees: ALPN and the leaf, base64 of its DER. */
function handshake(): Promise<{ alpn: string; leaf: string }> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: tlsPort,
      servername: 'localhost',
      ALPNProtocols: ['h2', 'http/1.1'],
      rejectUnauthorized: false,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const leaf = socket.getPeerCertificate().raw.toString('base64');
      resolve({ alpn: socket.alpnProtocol || '', leaf });
      socket.destroy();
    });
  });
}
