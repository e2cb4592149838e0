/**
 * Does loading a rule module every second, while requests flow, cost a single one of them?
 *
 *     node bench/macro/hot-load/run.ts [--requests 1000000] [--minutes 5] [--connections 32]
 *
 * Ends at the first of the two bounds. The client reconnects but never retries, so an answer that is not
 * whole and 200 is a failure. Each load has another hash, and the edge confirms it in every worker.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { restamped } from '../../../test/support/edge-process.ts';
import { LoadClient } from '../../support/load-client.ts';
import { freePort, memoryMb, processTree, untilListening } from '../../support/processes.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
});
const root = new URL('../../../', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const shop = spawn(process.execPath, [join(root, 'src/demo/shop-process.ts')], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
});
const [{ url }] = (await once(shop, 'message')) as [{ url: string }];
const port = await freePort();
const config = join(folder, 'edge.yaml');
writeFileSync(
  config,
  `edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:${port}", plaintext: true }]
upstreams: { shop: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: shop, waf: { rules: [bad-bot, path-traversal] } }]
waf: { rules: { bad-bot: { module: "builtin:bad-bot" }, path-traversal: { module: "builtin:path-traversal" } } }
admin: { address: "127.0.0.1:0" }
accessLog: { to: "off" }
log: { level: error }
state: state
`,
);
const edge = spawn(process.execPath, [join(root, 'src/main.ts'), 'edge', '--config', config], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
createInterface({ input: edge.stderr }).on('line', (line) => process.stderr.write(`${line}\n`));
process.on('exit', () => {
  edge.kill('SIGTERM');
  shop.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});
await untilListening(port);
const { admin } = JSON.parse(await untilFile(join(folder, 'state/edge.json'))) as { admin: string };
const token = readFileSync(join(folder, 'state/token'), 'utf8').trim();
const modules = ['bad-bot', 'path-traversal'].map((name) => ({
  name,
  bytes: readFileSync(join(root, `build/rules/${name}.wasm`)),
}));

const load = new LoadClient({
  host: '127.0.0.1',
  port,
  connections: Number(values.connections),
  expectStatus: 200,
  answerMs: 10_000,
  request:
    'GET /healthz HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n',
  requestsMax: Number(values.requests),
});
const startedAt = performance.now();
const running = load.run();
const until = startedAt + Number(values.minutes) * 60_000;
let loads = 0;
let slowestLoadMs = 0;
const memory: number[] = [];
const stopTimer = setTimeout(() => load.stop(), until - startedAt);
const loading = setInterval(() => void loadNext(), 1_000);
const result = await running;
clearInterval(loading);
clearTimeout(stopTimer);
const seconds = (performance.now() - startedAt) / 1_000;
const figures = {
  command: `node bench/macro/hot-load/run.ts --requests ${values.requests} --minutes ${values.minutes} --connections ${values.connections}`,
  machine: `${cpus()[0]?.model}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
  date: new Date().toISOString().slice(0, 10),
  seconds: Math.round(seconds),
  loads,
  slowestLoadMs: Math.round(slowestLoadMs),
  ...result,
  slowestMs: Math.round(result.slowestMs),
  memoryMbAtStart: Math.round(memory[0] ?? 0),
  memoryMbAtEnd: Math.round(memory.at(-1) ?? 0),
};
const results = new URL('../../results/', import.meta.url).pathname;
mkdirSync(results, { recursive: true });
writeFileSync(`${results}hot-load.json`, `${JSON.stringify(figures, null, 1)}\n`);
process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
process.exit(result.failed === 0 && loads > 0 ? 0 : 1);

async function loadNext(): Promise<void> {
  const module = modules[loads % modules.length] as (typeof modules)[number];
  const before = performance.now();
  const response = await fetch(`${admin}/api/v1/modules/${module.name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/wasm' },
    body: restamped(module.bytes, `load ${loads}`) as Uint8Array<ArrayBuffer>,
  });
  const answer = (await response.json()) as { workers?: number };
  if (response.status !== 200 || answer.workers !== 2)
    throw new Error(`load refused: ${JSON.stringify(answer)}`);
  slowestLoadMs = Math.max(slowestLoadMs, performance.now() - before);
  memory.push(memoryMb(processTree(edge.pid ?? -1)));
  loads++;
  if (loads % 10 === 0)
    process.stderr.write(
      `${loads} loads, ${load.answered} answered, ${load.failed} failed, ${memory.at(-1)?.toFixed(0)} MB\n`,
    );
}

/** The run file comes last at start. */
async function untilFile(path: string): Promise<string> {
  for (;;) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
