/** An orchestrator in this process, over a state directory of its own, and calls to it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadOrchestratorChecked, startOrchestrator } from '#roles/orchestrator.ts';
import { call } from './http-call.ts';

export type TestOrchestrator = AsyncDisposable & {
  readonly address: string;
  readonly state: string;
  readonly token: string;
  call(
    method: string,
    path: string,
    options?: { readonly body?: unknown; readonly token?: string },
  ): Promise<{ readonly status: number; readonly body: Json }>;
  /** Ends it and keeps its state, for the next one of this folder. */
  stop(): Promise<void>;
};

// What an answer holds is what the test is about.
export type Json = { readonly [key: string]: Json } & { readonly [index: number]: Json };

export async function startTestOrchestrator(
  options: {
    readonly yaml?: string;
    readonly folder?: string;
    /** Shorter than a configuration may say. */
    readonly deadAfterMs?: number;
  } = {},
): Promise<TestOrchestrator> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'weir-orchestrator-'));
  const file = join(folder, 'orchestrator.yaml');
  const state = join(folder, 'state');
  writeFileSync(
    file,
    `api: { address: "127.0.0.1:0" }\nlog: { level: error }\nstate: ${state}\n${options.yaml ?? ''}`,
  );
  const loaded = await loadOrchestratorChecked(file);
  const { deadAfterMs = loaded.nodes.deadAfterMs } = options;
  const running = await startOrchestrator({ ...loaded, nodes: { ...loaded.nodes, deadAfterMs } });
  const { address, token } = running;
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await running.close();
    isStopped = true;
  };
  return {
    ...{ address, state, token, stop },
    call: async (method, path, given = {}) => {
      const { status, body } = await call(address, method, path, {
        headers: {
          authorization: `Bearer ${given.token ?? token}`,
          connection: 'close',
          ...(given.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
      });
      return { status, body: JSON.parse(body) as Json };
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
