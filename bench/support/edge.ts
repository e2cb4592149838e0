/** An edge in front of the demo shop or another server, as a bench wants it: two workers, two modules unless told, no access log. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, untilListening } from './processes.ts';

export const root = new URL('../../', import.meta.url).pathname;

export type BenchEdge = {
  readonly port: number;
  readonly pid: number;
  /** A management call; throws unless the answer is 200. */
  call(method: string, path: string, body?: Uint8Array): Promise<Record<string, unknown>>;
};

export const pageRequest =
  'GET /healthz HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n';

const twoModules = {
  'bad-bot': { module: 'builtin:bad-bot' },
  'path-traversal': { module: 'builtin:path-traversal' },
};

/** `rules` as in the configuration, all of them on the one route. */
export async function startBenchEdge(
  rules: Readonly<Record<string, object>> = twoModules,
  canaryMs = 1_000,
  upstream: string | null = null,
): Promise<BenchEdge> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const url = upstream ?? (await startShop());
  const port = await freePort();
  const config = join(folder, 'edge.yaml');
  writeFileSync(
    config,
    `edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:${port}", plaintext: true }]
upstreams: { shop: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: shop, waf: { rules: ${JSON.stringify(Object.keys(rules))} } }]
waf: { canaryMs: ${canaryMs}, rules: ${JSON.stringify(rules)} }
admin: { address: "127.0.0.1:0" }
accessLog: { to: "off" }
log: { level: error }
state: state
`,
  );
  const edge = spawn(process.execPath, [join(root, 'src/main.ts'), 'edge', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  process.on('exit', () => {
    edge.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  await untilListening(port, 120_000);
  const { admin } = JSON.parse(await untilFile(join(folder, 'state/edge.json'))) as {
    admin: string;
  };
  const token = readFileSync(join(folder, 'state/token'), 'utf8').trim();
  return {
    port,
    pid: edge.pid ?? -1,
    call: async (method, path, body) => {
      const response = await fetch(`${admin}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/wasm' }),
        },
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
      });
      const answer = (await response.json()) as Record<string, unknown>;
      if (response.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer)}`);
      return answer;
    },
  };
}

async function startShop(): Promise<string> {
  const shop = spawn(process.execPath, [join(root, 'src/demo/shop-process.ts')], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  process.on('exit', () => shop.kill('SIGTERM'));
  const [{ url }] = (await once(shop, 'message')) as [{ url: string }];
  return url;
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
