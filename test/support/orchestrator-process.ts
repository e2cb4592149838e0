/** A shipped `weir orchestrator` in a process of its own, which a test may kill. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mainFile } from './edge-process.ts';
import { call } from './http-call.ts';
import type { Json, TestOrchestrator } from './orchestrator.ts';
import { endsWithUs, killGroup } from './process-group.ts';
import { until } from './until.ts';

export type OrchestratorProcess = TestOrchestrator & { readonly pid: number };

/** `stop` is SIGKILL. */
export async function startOrchestratorProcess(yaml: string): Promise<OrchestratorProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-orchestrator-'));
  const file = join(folder, 'orchestrator.yaml');
  const state = join(folder, 'state');
  writeFileSync(
    file,
    `api: { address: "127.0.0.1:0" }\nlog: { level: error }\nstate: ${state}\n${yaml}`,
  );
  const child = spawn(process.execPath, [mainFile, 'orchestrator', '--config', file], {
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
  });
  const pid = child.pid as number;
  endsWithUs(pid);
  const exit = once(child, 'exit');
  const run = join(state, 'orchestrator.json');
  await until('the orchestrator has a run file', () => existsSync(run));
  const { admin } = JSON.parse(readFileSync(run, 'utf8')) as { admin: string };
  const token = readFileSync(join(state, 'token'), 'utf8').trim();
  const stop = async () => {
    killGroup(pid);
    await exit;
  };
  return {
    ...{ pid, address: admin, state, token, stop },
    call: async (method, path, given = {}) => {
      const { status, body } = await call(admin, method, path, {
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
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
