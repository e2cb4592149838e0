/** The shipped edge and its command line in one namespace of a pair, and a client that asks it from the other. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mainFile } from './edge-process.ts';
import { edgeAddresses, makeNamespacePair, type NamespacePair } from './namespace-pair.ts';
import { endsWithUs, killGroup } from './process-group.ts';
import { until } from './until.ts';

export type EdgeStatus = {
  readonly pid: number;
  readonly workers: readonly { readonly pid: number }[];
  readonly shield: {
    readonly step: string;
    readonly refused: readonly { readonly step: string; readonly reason: string }[];
    readonly pid: number | null;
    readonly counters: {
      readonly exact: number;
      readonly prefixes: number;
      readonly verdicts: readonly { readonly verdict: string; readonly packets: number }[];
    } | null;
  };
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

export type EdgeEntry = {
  readonly target: string;
  readonly action: string;
  readonly packets: number | null;
  readonly connections: number | null;
  readonly lastSeen: string | null;
};

export class NamespaceEdge implements AsyncDisposable {
  readonly wire: NamespacePair;
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-net-'));
  readonly state = join(this.folder, 'state');
  readonly #settings: string;
  #process: ChildProcess | null = null;

  readonly #edgeSettings: string;

  private constructor(settings: string, edgeSettings: string, wire: NamespacePair) {
    this.#settings = settings;
    this.#edgeSettings = edgeSettings;
    this.wire = wire;
    this.configure('[]');
  }

  /**
   * `settings` is YAML of the top level, `$INTERFACE` in it the edge's; `edgeSettings` stands under `edge`.
   * `prepare` runs before the start.
   */
  static async start(
    settings: string,
    prepare: (edge: NamespaceEdge) => void | Promise<void> = () => {},
    edgeSettings = '',
  ): Promise<NamespaceEdge> {
    const edge = new NamespaceEdge(settings, edgeSettings, makeNamespacePair());
    try {
      await prepare(edge);
      await edge.startProcess();
      return edge;
    } catch (error) {
      await edge[Symbol.asyncDispose]();
      throw error;
    }
  }

  configure(allow: string): void {
    writeFileSync(
      join(this.folder, 'weir.yaml'),
      `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${allow}
  ${this.#edgeSettings}
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: ${this.state}
${this.#settings.replaceAll('$INTERFACE', this.wire.edgeInterface)}
`,
    );
  }

  async startProcess(): Promise<void> {
    const child = spawn(
      'ip',
      [
        ...['netns', 'exec', this.wire.edge, process.execPath, mainFile],
        ...['edge', '--config', join(this.folder, 'weir.yaml')],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    this.#process = child;
    endsWithUs(child.pid as number);
    const lines: string[] = [];
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        lines.push(line);
        if (line.includes('"edge ready"')) resolve();
      });
      child.on('exit', (code) =>
        reject(new Error(`the edge ended with ${code}:\n${lines.join('\n')}`)),
      );
    });
  }

  /** What `weir … --json` answers; throws where it ends with anything but 0. */
  weir<T = Record<string, unknown>>(...words: string[]): T {
    const { stdout, stderr, status } = this.tryWeir(...words);
    assert.equal(status, 0, `weir ${words.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  tryWeir(...words: string[]): { stdout: string; stderr: string; status: number | null } {
    return this.onEdge(process.execPath, mainFile, ...words, '--state', this.state, '--json');
  }

  status(): EdgeStatus {
    return this.weir<EdgeStatus>('status');
  }

  metrics(): string {
    const { admin } = JSON.parse(readFileSync(join(this.state, 'edge.json'), 'utf8')) as {
      readonly admin: string;
    };
    const token = readFileSync(join(this.state, 'token'), 'utf8').trim();
    const header = `Authorization: Bearer ${token}`;
    return this.onEdge(
      'curl',
      '-s',
      '-H',
      header,
      `http://${admin.replace(/^http:\/\//, '')}/metrics`,
    ).stdout;
  }

  entry(target: string): EdgeEntry {
    const { entries } = this.weir<{ entries: readonly EdgeEntry[] }>('block', 'list');
    const found = entries.find((one) => one.target === target);
    assert(found !== undefined, `${target} is listed`);
    return found;
  }

  /** Runs a command on the edge's host. */
  onEdge(...words: string[]): { stdout: string; stderr: string; status: number | null } {
    return spawnSync('ip', ['netns', 'exec', this.wire.edge, ...words], { encoding: 'utf8' });
  }

  onClient(...words: string[]): { stdout: string; stderr: string; status: number | null } {
    return spawnSync('ip', ['netns', 'exec', this.wire.client, ...words], { encoding: 'utf8' });
  }

  /** Whether the client gets an answer over IPv4 (0) or IPv6 (1), whatever it is: nobody serves behind the edge. */
  ask(index: 0 | 1): 'answered' | 'no answer' | 'refused' {
    const host = index === 0 ? edgeAddresses[0] : `[${edgeAddresses[1]}]`;
    const { status } = this.onClient(
      ...['curl', '-s', '-o', '/dev/null', '--connect-timeout', '1', '-m', '10'],
      `http://${host}:8000/`,
    );
    if (status === 0) return 'answered';
    if (status === 28) return 'no answer';
    // Reset while or after it connected, or closed without a word.
    assert([7, 52, 56].includes(status ?? -1), `curl ended with ${status}`);
    return 'refused';
  }

  counted(verdict: string): number {
    const verdicts = this.status().shield.counters?.verdicts ?? [];
    return verdicts
      .filter((one) => one.verdict === verdict)
      .reduce((sum, { packets }) => sum + packets, 0);
  }

  tables(): string {
    return this.onEdge('nft', 'list', 'tables').stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    try {
      const { stdout, status } = this.tryWeir('status');
      if (status === 0) {
        const { pid } = JSON.parse(stdout) as EdgeStatus;
        this.tryWeir('stop');
        await until('the node ends', () => !isAlive(pid));
      }
    } finally {
      if (child !== null) {
        killGroup(child.pid as number);
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      this.wire[Symbol.dispose]();
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
