/**
 * Where a worker's time goes: V8's CPU profiles of the edge, summed by function, as a table whose last
 * column is filled by hand and kept from one run to the next.
 */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { untilListening } from '../../support/processes.ts';

export type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

const rowsMax = 40;

export function writeProfilePage(
  profile: CpuProfile,
  file: string,
  command: string,
  machine: string,
): void {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfUs = new Map<string, number>();
  let busyUs = 0;
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    const us = profile.timeDeltas[index] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') continue;
    busyUs += us;
    const place = frame.url.replace(/^.*\/(src|node_modules)\//, '$1/');
    const name = `${frame.functionName || '(anonymous)'}${place === '' ? '' : ` ${place}:${frame.lineNumber + 1}`}`;
    selfUs.set(name, (selfUs.get(name) ?? 0) + us);
  }
  const done = doneBefore(file);
  const rows = [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, rowsMax)
    .map(
      ([name, us]) =>
        `| ${((100 * us) / busyUs).toFixed(1)} % | \`${name}\` | ${done.get(functionOf(name)) ?? ''} |`,
    );
  writeFileSync(
    file,
    `# Where a worker's time goes

\`${command}\`, ${new Date().toISOString().slice(0, 10)}
${machine}.
Self time of one worker over all workloads without rules, idle time left out. The last column is written by
hand and kept, by function.

| self | function | what was done |
|---|---|---|
${rows.join('\n')}
`,
  );
}

/** A running worker under V8's CPU profiler, over its inspector: what it does at start is not in it. */
export class WorkerProfiler {
  readonly #socket: WebSocket;
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** The process must have been started with `--inspect-port`; the signal opens it. */
  static async attach(pid: number, port: number): Promise<WorkerProfiler> {
    process.kill(pid, 'SIGUSR1');
    await untilListening(port);
    const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const [target] = targets as { readonly webSocketDebuggerUrl: string }[];
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '', { maxPayload: 1 << 30 });
    await once(socket, 'open');
    const profiler = new WorkerProfiler(socket);
    await profiler.#call('Profiler.enable');
    await profiler.#call('Profiler.start');
    return profiler;
  }

  async stop(): Promise<CpuProfile> {
    const { profile } = (await this.#call('Profiler.stop')) as { readonly profile: CpuProfile };
    this.#socket.close();
    return profile;
  }

  async #call(method: string): Promise<unknown> {
    const id = ++this.#sent;
    this.#socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [bytes] = (await once(this.#socket, 'message')) as [Buffer];
      const answer = JSON.parse(bytes.toString()) as { id?: number; result?: unknown };
      if (answer.id === id) return answer.result;
    }
  }
}

/** Lines move; a function and its file stay. */
const functionOf = (name: string): string => name.replace(/:\d+$/, '');

function doneBefore(file: string): ReadonlyMap<string, string> {
  if (!existsSync(file)) return new Map();
  const rows = readFileSync(file, 'utf8').matchAll(/^\| [\d.]+ % \| `(.*)` \| (.*) \|$/gm);
  return new Map([...rows].map(([, name = '', text = '']) => [functionOf(name), text]));
}
