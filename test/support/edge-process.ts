/** A real `weir edge` in a folder of its own: started, spoken to, ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { call as callHttp } from './http-call.ts';
import { endsWithUs, killGroup } from './process-group.ts';

export const root = new URL('../../', import.meta.url).pathname;
export const mainFile = join(root, 'src/main.ts');

export type EdgeProcess = AsyncDisposable & {
  readonly folder: string;
  readonly state: string;
  readonly process: ChildProcess;
  /** By listener index. */
  readonly ports: readonly number[];
  readonly certificate: string;
  readonly privateKey: string;
  readonly log: Record<string, unknown>[];
  /** A management call; the body is parsed. */
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Resolves when the log has a line that fits, now or later. */
  logged(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  accessLines(): Record<string, unknown>[];
  exit: Promise<number | null>;
};

/** Neither the machine's other work nor a test's own speed turns requests away, or ends a worker that is stopped. */
const calm = {
  WEIR_EDGE_LIMITS_SHED_AT_LOOP_DELAY_MS: '60000',
  WEIR_EDGE_LIMITS_CONNECTIONS_PER_SECOND_MAX: '1000000',
  WEIR_EDGE_TIMEOUTS_WORKER_HANG_MS: '86400000',
};

/**
 * `config` is YAML; `site.crt` and `site.key` stand beside it. A state that outlives the edge is named.
 * With an owner the folder and what is in it are that user's.
 */
export async function startEdgeProcess(
  config: string,
  stateFolder: string | null = null,
  owner: number | null = null,
): Promise<EdgeProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-edge-'));
  const made = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);
  writeFileSync(join(folder, 'site.crt'), made.certificate);
  writeFileSync(join(folder, 'site.key'), made.privateKey, { mode: 0o600 });
  const state = stateFolder ?? join(folder, 'state');
  const file = join(folder, 'edge.yaml');
  writeFileSync(
    file,
    `${config}\naccessLog: { to: access.log }\nadmin: { address: "127.0.0.1:0" }\nstate: ${state}\n`,
  );
  if (owner !== null)
    for (const path of [folder, file, join(folder, 'site.crt'), join(folder, 'site.key')])
      chownSync(path, owner, owner);
  const child = spawn(process.execPath, [mainFile, 'edge', '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { ...calm, ...process.env },
  });
  const pid = child.pid as number;
  endsWithUs(pid);
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const log: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { text: line });
    for (const look of [...waiting]) look();
  });
  const logged = (fits: (line: Record<string, unknown>) => boolean) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const look = () => {
        const found = log.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void exit.then((code) =>
        reject(new Error(`the edge ended with ${code}: ${JSON.stringify(log.slice(-5))}`)),
      );
    });
  const ready = await logged(({ msg }) => msg === 'edge ready').catch((error: Error) => {
    killGroup(pid);
    throw error;
  });
  const { admin } = JSON.parse(readFileSync(join(state, 'edge.json'), 'utf8')) as {
    admin: string;
  };
  const token = readFileSync(join(state, 'token'), 'utf8').trim();
  // A connection for each call: one kept from before an upgrade is the old process's, and closes under it.
  const call: EdgeProcess['call'] = async (method, path, body) => {
    const isBytes = body instanceof Uint8Array;
    const type = isBytes ? 'application/wasm' : 'application/json';
    const { status, body: text } = await callHttp(admin, method, path, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    });
    const answer = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text };
    if (path === '/api/v1/upgrade' && typeof answer['pid'] === 'number') endsWithUs(answer['pid']);
    return { status, body: answer };
  };
  return {
    folder,
    state,
    process: child,
    log,
    exit,
    logged,
    certificate: made.certificate,
    privateKey: made.privateKey,
    ports: (ready['addresses'] as string[]).map((address) =>
      Number(address.slice(address.lastIndexOf(':') + 1)),
    ),
    accessLines: () =>
      readFileSync(join(folder, 'access.log'), 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    call,
    [Symbol.asyncDispose]: async () => {
      const node = nodeOf(state);
      if (node !== pid) killGroup(pid);
      // Signals are no way to say it twice: two that wait are one to the kernel.
      if (node !== null) {
        await call('POST', '/api/v1/stop', { graceMs: 0 }).catch(() => killGroup(node));
      }
      // Workers and a successor write to the same pipe: nobody of them is left when it closes.
      if (!child.stderr.closed) await once(child.stderr, 'close');
      for (const leader of [pid, node ?? pid]) killGroup(leader);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Who is the node now: our child, or after an upgrade its successor; null where there is none. */
function nodeOf(state: string): number | null {
  const file = join(state, 'edge.json');
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid;
}

/** The same module with another hash: a custom section says nothing to the engine. */
export function restamped(module: Uint8Array, stamp: string): Uint8Array {
  const name = Buffer.from('stamp');
  const text = Buffer.from(stamp);
  const content = Buffer.concat([Buffer.from([name.length]), name, text]);
  return Buffer.concat([module, Buffer.from([0, content.length]), content]);
}
