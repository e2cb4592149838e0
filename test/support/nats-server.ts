/**
 * A real nats-server: its own process, port and JetStream store in a folder of its own, ended by us.
 *
 * `start` after `kill` takes the same port and store; `wipe` empties the store in between. What a test
 * says in `config` stands in the server's file as it is (accounts, users, permissions).
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs } from './needs.ts';
import { endsWithUs, killGroup } from './process-group.ts';
import { until } from './until.ts';

export const needsNats = (): string | false => needs('nats-server');

export type NatsServer = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly pid: number;
  /** What it has said so far. */
  log(): string;
  /** SIGKILL, as a crash does it. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: there, and silent. */
  pause(): void;
  goOn(): void;
  /** Again on the same port with what is in the store. */
  start(): Promise<void>;
  /** Another configuration, as `weir fleet` says to reload it. */
  reload(config: string): Promise<void>;
  /** Empties the JetStream store of a server that was killed. */
  wipe(): void;
};

export type NatsServerOptions = {
  /** Text of a configuration file; port, store and ports file are given on the command line. */
  readonly config?: string;
  /** JetStream is on without a word; off for a server that has none. */
  readonly jetstream?: boolean;
};

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-nats-'));
  const store = join(folder, 'store');
  const logFile = join(folder, 'nats.log');
  const configFile = join(folder, 'nats.conf');
  mkdirSync(store);
  writeFileSync(configFile, options.config ?? '');
  writeFileSync(logFile, '');
  let child: ChildProcess | null = null;
  let port = -1;

  const start = async (): Promise<void> => {
    const started = spawn(
      'nats-server',
      [
        ...['-c', configFile, '-a', '127.0.0.1', '-p', String(port), '-l', logFile],
        ...['--ports_file_dir', folder],
        ...(options.jetstream === false ? [] : ['-js', '-sd', store]),
      ],
      { stdio: 'ignore', detached: true },
    );
    child = started;
    const pid = started.pid as number;
    endsWithUs(pid);
    const portsFile = join(folder, `nats-server_${pid}.ports`);
    await until(
      () => `nats-server is ready: ${readFileSync(logFile, 'utf8')}`,
      () => {
        if (started.exitCode !== null)
          throw new Error(`nats-server ended: ${readFileSync(logFile, 'utf8')}`);
        return readFileSync(logFile, 'utf8').includes('Server is ready') && exists(portsFile);
      },
    );
    const { nats } = JSON.parse(readFileSync(portsFile, 'utf8')) as { readonly nats: string[] };
    port = Number(new URL(nats[0] ?? '').port);
    await until('nats-server accepts', () => accepts(port));
  };

  const kill = async (): Promise<void> => {
    const ending = child;
    if (ending === null) return;
    child = null;
    const gone = ending.exitCode === null ? once(ending, 'exit') : null;
    killGroup(ending.pid as number);
    await gone;
    writeFileSync(logFile, '');
  };

  try {
    await start();
  } catch (error) {
    await kill();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const signal = (name: NodeJS.Signals) => {
    if (child?.pid !== undefined) process.kill(child.pid, name);
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    folder,
    get pid() {
      return child?.pid ?? -1;
    },
    log: () => readFileSync(logFile, 'utf8'),
    kill,
    pause: () => signal('SIGSTOP'),
    goOn: () => signal('SIGCONT'),
    start,
    reload: async (config) => {
      writeFileSync(configFile, config);
      const reloaded = () => readFileSync(logFile, 'utf8').split('Reloaded server').length;
      const before = reloaded();
      execFileSync('nats-server', ['--signal', `reload=${child?.pid}`]);
      await until(
        () => `reloaded: ${readFileSync(logFile, 'utf8')}`,
        () => reloaded() > before,
      );
    },
    wipe: () => {
      rmSync(store, { recursive: true, force: true });
      mkdirSync(store);
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function exists(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() !== '';
  } catch {
    return false;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
