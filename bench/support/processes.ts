/** Processes of a bench: started on a core, awaited, accounted, ended. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';

export const hasCommand = (name: string): boolean => spawnSync('which', [name]).status === 0;

/** The last line `NAME --version` or `-v` gives, for the record. */
export function versionOf(name: string, flag: string): string {
  const { stdout, stderr } = spawnSync(name, [flag], { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim().split('\n')[0] ?? '';
}

const started: ChildProcess[] = [];

export function startOn(
  core: number,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  const pinned = hasCommand('taskset') ? ['taskset', '-c', String(core), command] : [command];
  const child = spawn(pinned[0] as string, [...pinned.slice(1), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  started.push(child);
  return child;
}

export function endAll(): void {
  for (const child of started.splice(0)) child.kill('SIGTERM');
}

/** A port nobody listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Resolves when the port answers; throws after `limitMs`. */
export async function untilListening(port: number, limitMs = 15_000): Promise<void> {
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** A process and all below it. */
export function processTree(pid: number): number[] {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  return [
    pid,
    ...stdout
      .split('\n')
      .filter(Boolean)
      .flatMap((child) => processTree(Number(child))),
  ];
}

/** CPU time of all threads of these processes, in nanoseconds (`/proc/PID/task/TID/schedstat`). */
export function cpuNs(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    for (const thread of tryList(`/proc/${pid}/task`)) {
      sum += Number(tryRead(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] || 0);
    }
  }
  return sum;
}

/** Memory in MB: proportional where shared. */
export function memoryMb(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) =>
    Number(/Pss:\s+(\d+)/.exec(tryRead(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1_024;
}

function tryList(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
