/** The shipped edge behind a wire of its own, with the kernel shield on it, and a client at the other end. */
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

export type RulesStatus = {
  readonly pid: number;
  readonly rules: {
    readonly version: number;
    readonly kernel: boolean;
    readonly problem: string | null;
  };
  readonly shield: {
    readonly step: string;
    readonly pid: number | null;
    readonly counters: {
      readonly verdicts: readonly { readonly verdict: string; readonly packets: number }[];
    } | null;
  };
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

export class RulesEdge implements AsyncDisposable {
  readonly wire: NamespacePair;
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-shielded-'));
  readonly state = join(this.folder, 'state');
  readonly file = join(this.folder, 'weir.yaml');
  readonly lines: string[] = [];
  #edge: ChildProcess | null = null;

  constructor() {
    this.wire = makeNamespacePair();
  }

  /** `%WIRE%` of the configuration is the interface, `%STATE%` the state directory. */
  configure(yaml: string): void {
    writeFileSync(
      this.file,
      yaml.replaceAll('%WIRE%', this.wire.edgeInterface).replaceAll('%STATE%', this.state),
    );
  }

  sysctl(name: string, value: number): void {
    spawnSync('ip', ['netns', 'exec', this.wire.edge, 'sysctl', '-qw', `${name}=${value}`]);
  }

  async start(): Promise<void> {
    const edge = spawn(
      'ip',
      ['netns', 'exec', this.wire.edge, process.execPath, mainFile, 'edge', '--config', this.file],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    this.#edge = edge;
    endsWithUs(edge.pid as number);
    assert(edge.stderr !== null);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: edge.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        this.lines.push(line);
        if (line.includes('"edge ready"')) resolve();
      });
      edge.on('exit', (code) =>
        reject(new Error(`the edge ended with ${code}:\n${this.lines.join('\n')}`)),
      );
    });
  }

  /** Ends the node, whichever process it is by now. */
  async stop(): Promise<void> {
    const edge = this.#edge;
    if (edge === null) return;
    this.#edge = null;
    try {
      const { pid } = this.weir<RulesStatus>('status');
      this.weir('stop');
      await until('the node ends', () => !isAlive(pid));
    } finally {
      killGroup(edge.pid as number);
      if (edge.exitCode === null && edge.signalCode === null) await once(edge, 'exit');
    }
  }

  /** What a command of the shipped command line ends with, on the edge's host. */
  command(...words: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(
      'ip',
      [
        ...['netns', 'exec', this.wire.edge, process.execPath, mainFile],
        ...words,
        ...['--state', this.state],
      ],
      { encoding: 'utf8' },
    );
  }

  weir<T = Record<string, unknown>>(...words: string[]): T {
    const { stdout, stderr, status } = this.command(...words, '--json');
    assert.equal(status, 0, `weir ${words.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Whether the client gets an answer, whatever it is: nobody need serve behind the edge. */
  ask(index: 0 | 1, port: number): 'answered' | 'no answer' | string {
    const host = index === 0 ? edgeAddresses[0] : `[${edgeAddresses[1]}]`;
    const { status } = spawnSync(
      'ip',
      [
        ...['netns', 'exec', this.wire.client, 'curl', '-gso', '/dev/null'],
        ...['-m', '1', `http://${host}:${port}/`],
      ],
      { encoding: 'utf8' },
    );
    return status === 0 ? 'answered' : status === 28 ? 'no answer' : `curl ended with ${status}`;
  }

  /** What the client sends as a program: standard output of Node with these lines. */
  client(script: string): string {
    const { stdout, stderr, status } = spawnSync(
      'ip',
      [
        ...['netns', 'exec', this.wire.client, process.execPath, '--input-type=module'],
        ...['-e', script],
      ],
      { encoding: 'utf8', timeout: 30_000 },
    );
    assert.equal(status, 0, stderr);
    return stdout.trim();
  }

  counted(name: string): number {
    return (this.weir<RulesStatus>('status').shield.counters?.verdicts ?? [])
      .filter(({ verdict }) => verdict === name)
      .reduce((sum, { packets }) => sum + packets, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      this.wire[Symbol.dispose]();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** A process that has ended but was not waited for is a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
