/** A node with one module named `own`, in front of nothing unless a test says so, and what tests ask of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EdgeProcess, mainFile } from './edge-process.ts';
import { largeField } from './versioned-guest.ts';

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own, gone when the process is. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-modules-'));
  folders.push(folder);
  return folder;
}

/** Every version answers by itself, so nothing is forwarded unless a test takes the module out of the way. */
export const ownConfig = (
  folder: string,
  more: { rule?: string; waf?: string; workers?: number; origin?: string } = {},
) => `
edge:
  workers: ${more.workers ?? 2}
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${more.origin ?? 'http://127.0.0.1:9'}" }] } }
routes: [{ upstream: app, waf: { rules: [own] } }]
waf:
  canaryMs: 20
  ${more.waf ?? ''}
  rules: { own: { module: "${folder}/own.wasm", ${more.rule ?? ''} } }`;

export async function statusOf(
  edge: EdgeProcess,
  headers: Record<string, string> = {},
): Promise<number> {
  const request = http.get({ host: '127.0.0.1', port: edge.ports[0], agent: false, headers });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

/** Several connections, so that every worker is likely to be among those that answer. */
export async function statuses(edge: EdgeProcess, count = 12): Promise<number[]> {
  const all = await Promise.all(Array.from({ length: count }, () => statusOf(edge)));
  return [...new Set(all)].toSorted();
}

export type Version = Record<string, unknown> & {
  readonly version: number;
  readonly state: string;
};
export async function versions(edge: EdgeProcess): Promise<string[]> {
  const { body } = await edge.call('GET', '/api/v1/modules/own/history');
  return (body['versions'] as Version[]).map(
    ({ version, state, origin }) => `${version} ${state} ${String(origin)}`,
  );
}

export async function moduleOf(edge: EdgeProcess): Promise<Record<string, unknown>> {
  const { body } = await edge.call('GET', '/api/v1/modules');
  return (body['modules'] as Record<string, unknown>[])[0] ?? {};
}

export const load = (edge: EdgeProcess, bytes: Uint8Array) =>
  edge.call('POST', '/api/v1/modules/own', bytes);

export async function stop(edge: EdgeProcess): Promise<void> {
  await edge.call('POST', '/api/v1/stop', { graceMs: 0 });
  await edge.exit;
}

export type Said = { readonly code: number; readonly text: string };

/** A command spoken to this node; both of its streams. */
export const weir = (edge: EdgeProcess, ...argv: string[]): Promise<Said> =>
  run(argv, { ...process.env, WEIR_STATE: edge.state });

/** A command that finds its node by `--state`, or needs none. */
export const weirAlone = (...argv: string[]): Promise<Said> => run(argv, process.env);

async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Said> {
  const child = spawn(process.execPath, [mainFile, ...argv], { env });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

/** Enough failures that some worker has had too many. */
export async function fail(edge: EdgeProcess): Promise<void> {
  for (let i = 0; i < 12; i++) await statusOf(edge, largeField);
}

export async function degradedReason(edge: EdgeProcess): Promise<string> {
  const { body } = await edge.call('GET', '/api/v1/status');
  const all = body['degraded'] as { part: string; reason: string }[];
  return all.find(({ part }) => part === 'module own (quarantine)')?.reason ?? '';
}
