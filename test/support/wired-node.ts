/**
 * The shipped edge on a wire of its own: a node in one network namespace, its clients in another, and the shipped
 * command line on the node's host.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runFile } from '#state/run-file.ts';
import { mainFile } from './edge-process.ts';
import { edgeAddresses, NamespacePair } from './network-namespace.ts';
import { endsWithUs, killGroup } from './process-group.ts';
import { until } from './until.ts';

export type Ended = {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** As much of the status as tests look at. */
export type WiredStatus = {
  readonly pid: number;
  readonly workers: readonly { readonly pid: number }[];
  readonly rules: {
    readonly version: number;
    readonly kernel: boolean;
    readonly problem: string | null;
  };
  readonly shield: {
    readonly step: string;
    readonly refused: readonly { readonly step: string; readonly reason: string }[];
    readonly interfaces: readonly string[];
    readonly object: string | null;
    readonly pid: number | null;
    readonly counters: {
      readonly exact: number;
      readonly prefixes: number;
      readonly verdicts: readonly { readonly verdict: string; readonly packets: number }[];
    } | null;
  };
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

export class WiredNode implements AsyncDisposable {
  readonly pair: NamespacePair;
  /** The namespaces by name, and the node's interface. */
  readonly wire: { readonly client: string; readonly edge: string; readonly edgeInterface: string };
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-wired-'));
  readonly state = join(this.folder, 'state');
  readonly file = join(this.folder, 'weir.yaml');
  /** What the node has said, over all its starts. */
  readonly lines: string[] = [];
  /** Of the tree whose command is run. */
  main = mainFile;
  #process: ChildProcess | null = null;

  /** `sysctls` of the node's host. */
  constructor(sysctls: Readonly<Record<string, string>> = {}) {
    this.pair = new NamespacePair(sysctls);
    this.wire = {
      client: this.pair.namespace('client'),
      edge: this.pair.namespace('server'),
      edgeInterface: this.pair.device('server'),
    };
    // Of whomever the node becomes.
    chmodSync(this.folder, 0o755);
  }

  /** One that runs, with this configuration. */
  static async running(
    yaml: string,
    sysctls: Readonly<Record<string, string>> = {},
  ): Promise<WiredNode> {
    const node = new WiredNode(sysctls);
    try {
      node.configure(yaml);
      await node.startProcess();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** In the configuration `$INTERFACE` is the node's, `$STATE` its state directory. */
  configure(yaml: string): void {
    writeFileSync(
      this.file,
      yaml.replaceAll('$INTERFACE', this.wire.edgeInterface).replaceAll('$STATE', this.state),
    );
  }

  sysctl(name: string, value: string | number): void {
    this.run('edge', 'sysctl', '-qw', `${name}=${value}`);
  }

  async startProcess(): Promise<void> {
    const command = [process.execPath, this.main, 'edge', '--config', this.file];
    const child = spawn('ip', ['netns', 'exec', this.wire.edge, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#process = child;
    endsWithUs(child.pid as number);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
      if (line.includes('"edge ready"')) resolve();
    });
    child.on('exit', (code) =>
      reject(new Error(`the edge ended with ${code}:\n${this.lines.join('\n')}`)),
    );
    await promise;
  }

  /** Ends the node, whichever process it is by now. */
  async stopProcess(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#process = null;
    try {
      const { status, stdout } = this.tryWeir('status', '--json');
      if (status === 0) {
        const { pid } = JSON.parse(stdout) as WiredStatus;
        this.tryWeir('stop');
        await until('the node ends', () => !isAlive(pid));
      }
    } finally {
      killGroup(child.pid as number);
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }

  /** Runs to its end on one of the hosts. */
  run(side: 'client' | 'edge', command: string, ...words: readonly string[]): Ended {
    return spawnSync('ip', ['netns', 'exec', this.wire[side], command, ...words], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  tryWeir(...words: readonly string[]): Ended {
    return this.run('edge', process.execPath, this.main, ...words, '--state', this.state);
  }

  /** What `weir … --json` answers; throws where it ends with anything but 0. */
  weir<T = Record<string, unknown>>(...words: readonly string[]): T {
    const { stdout, stderr, status } = this.tryWeir(...words, '--json');
    assert.equal(status, 0, `weir ${words.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  status(): WiredStatus {
    return this.weir<WiredStatus>('status');
  }

  /** The metrics page. */
  metrics(): string {
    const { admin } = JSON.parse(readFileSync(join(this.state, runFile), 'utf8'));
    const token = readFileSync(join(this.state, 'token'), 'utf8').trim();
    return this.run('edge', 'curl', '-gsH', `Authorization: Bearer ${token}`, `${admin}/metrics`)
      .stdout;
  }

  /** Packets by verdict; those that never happened are left out. */
  verdicts(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { verdict, packets } of this.status().shield.counters?.verdicts ?? [])
      sums[verdict] = (sums[verdict] ?? 0) + packets;
    return sums;
  }

  counted(verdict: string): number {
    return this.verdicts()[verdict] ?? 0;
  }

  /** Whether the client gets an answer over IPv4 (0) or IPv6 (1), whatever it is: nobody serves behind the edge. */
  ask(index: 0 | 1, port = 8_000): 'answered' | 'no answer' | 'refused' {
    const host = index === 0 ? edgeAddresses[0] : `[${edgeAddresses[1]}]`;
    const words = ['-gso', '/dev/null', '--connect-timeout', '1', '-m', '10'];
    const { status } = this.run('client', 'curl', ...words, `http://${host}:${port}/`);
    if (status === 0) return 'answered';
    if (status === 28) return 'no answer';
    // Reset while or after it connected, or closed without a word.
    assert([7, 52, 56].includes(status ?? -1), `curl ended with ${status}`);
    return 'refused';
  }

  /** What a program of these lines prints on the client's host. */
  client(script: string, ...words: readonly string[]): string {
    const { stdout, stderr, status } = this.run(
      'client',
      process.execPath,
      ...['--input-type=module', '-e', script, ...words],
    );
    assert.equal(status, 0, stderr);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stopProcess();
    } finally {
      await this.pair[Symbol.asyncDispose]();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** A process that has ended but was not waited for is a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
