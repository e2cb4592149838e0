/**
 * The shipped edge behind a wire of its own: a node with the packet program in one network namespace, clients
 * with as many addresses as a test wants in the other.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runFile } from '#state/run-file.ts';
import { mainFile } from './edge-process.ts';
import {
  clientAddresses,
  edgeAddresses,
  makeNamespacePair,
  type NamespacePair,
} from './namespace-pair.ts';
import { endsWithUs, killGroup } from './process-group.ts';
import { until } from './until.ts';

export type ShieldedEdgeOptions = {
  readonly xdp?: 'native' | 'generic';
  /** Lines of YAML below `kernel:`, beside xdp and interface. */
  readonly kernel?: string;
  readonly allow?: readonly string[];
  /** Whom the node becomes. */
  readonly user?: string;
  readonly upstream?: string;
  /** Of the client, beside its own. */
  readonly addresses?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string | number>>;
};

export class ShieldedEdge implements AsyncDisposable {
  readonly wire: NamespacePair;
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-shielded-'));
  readonly state = join(this.folder, 'state');
  readonly log: string[] = [];
  readonly #running: ChildProcess[] = [];
  #edge: ChildProcess | null = null;

  private constructor() {
    this.wire = makeNamespacePair();
  }

  static async start(options: ShieldedEdgeOptions = {}): Promise<ShieldedEdge> {
    const edge = new ShieldedEdge();
    try {
      await edge.#start(options);
      return edge;
    } catch (error) {
      await edge[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One more of the client's host. */
  addAddress(address: string): void {
    const [own] = clientAddresses;
    const device = this.run('client', 'ip', '-o', 'addr', 'show', 'to', own).stdout.split(/\s+/)[1];
    const six = address.includes(':');
    const words = [...(six ? ['-6'] : []), 'addr', 'add', `${address}/${six ? 64 : 24}`];
    this.run('client', 'ip', ...words, 'dev', String(device), ...(six ? ['nodad'] : []));
  }

  /** Runs to its end on one of the hosts. */
  run(
    side: 'client' | 'edge',
    command: string,
    ...words: readonly string[]
  ): { status: number | null; stdout: string; stderr: string } {
    const all = ['netns', 'exec', this.wire[side], command, ...words];
    return spawnSync('ip', all, { encoding: 'utf8', timeout: 60_000 });
  }

  /** Runs on, until it is killed or the test ends. */
  start(side: 'client' | 'edge', command: string, ...words: readonly string[]): ChildProcess {
    const all = ['netns', 'exec', this.wire[side], command, ...words];
    const child = spawn('ip', all, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#running.push(child);
    return child;
  }

  /** The shipped command line, on the edge's host. */
  weir(...words: string[]): { status: number | null; stdout: string; stderr: string } {
    return this.run('edge', process.execPath, mainFile, ...words, '--state', this.state);
  }

  json<T = Record<string, unknown>>(...words: string[]): T {
    const { status, stdout, stderr } = this.weir(...words, '--json');
    assert.equal(status, 0, `weir ${words.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Packets with that verdict, of one protocol or of all. */
  counted(verdict: string, protocol = '\\w+'): number {
    const series = new RegExp(
      `^weir_shield_packets_total\\{verdict="${verdict}",protocol="${protocol}"\\} (\\d+)$`,
      'gm',
    );
    let sum = 0;
    for (const [, count] of this.metrics().matchAll(series)) sum += Number(count);
    return sum;
  }

  blocks(): { target: string; origin: string; reason: string; expiresAt: string | null }[] {
    return this.json<{ entries: ReturnType<ShieldedEdge['blocks']> }>('block', 'list').entries;
  }

  metrics(): string {
    const { admin } = JSON.parse(readFileSync(join(this.state, runFile), 'utf8'));
    const token = readFileSync(join(this.state, 'token'), 'utf8').trim();
    const header = `authorization: Bearer ${token}`;
    return this.run('edge', 'curl', '-gsH', header, `${admin}/metrics`).stdout;
  }

  /** One GET from an address of the client: whether there was an answer, whatever it was. */
  ask(from: string): 'answered' | 'no answer' {
    const host = from.includes(':') ? `[${edgeAddresses[1]}]` : edgeAddresses[0];
    const { status, stderr } = this.run(
      'client',
      'curl',
      ...['-gso', '/dev/null', '-m', '1', '--interface', from, `http://${host}:8000/`],
    );
    assert(status === 0 || status === 28, `curl ended with ${status}: ${stderr}`);
    return status === 0 ? 'answered' : 'no answer';
  }

  /** Real connection attempts, each by the kernel of the client's host. */
  connect(from: string, ports: readonly number[]): void {
    const script = `
      const [from, host, ports] = JSON.parse(process.argv[1]);
      for (const port of ports) await new Promise((done) => {
        const socket = process.getBuiltinModule('node:net').connect({ host, port, localAddress: from });
        const end = () => { socket.destroy(); done(); };
        socket.on('connect', end).on('error', end).setTimeout(500, end);
      });`;
    this.#client(script, [from, this.#hostFor(from), ports]);
  }

  /** As many connection attempts as that, none waiting for another; `says` a word on each, or nothing. */
  connectAtOnce(from: string, port: number, count: number, says = ''): void {
    const script = `
      const [from, host, port, count, says] = JSON.parse(process.argv[1]);
      const net = process.getBuiltinModule('node:net');
      await Promise.all(Array.from({ length: count }, () => new Promise((done) => {
        const socket = net.connect({ host, port, localAddress: from });
        const end = () => { socket.destroy(); done(); };
        socket.on('connect', () => says === '' ? end() : socket.write(says, () => setTimeout(end, 100)));
        socket.on('error', end).setTimeout(300, end);
      })));`;
    this.#client(script, [from, this.#hostFor(from), port, count, says]);
  }

  /** One connection that sends a byte a packet, so many of them. */
  drip(from: string, port: number, count: number): void {
    const script = `
      const [from, host, port, count] = JSON.parse(process.argv[1]);
      const net = process.getBuiltinModule('node:net');
      const socket = net.connect({ host, port, localAddress: from, noDelay: true });
      await new Promise((done, failed) => {
        socket.on('error', failed);
        socket.on('connect', async () => {
          for (let n = 0; n < count; n++)
            await new Promise((next) => socket.write('x', () => setTimeout(next, 1)));
          socket.destroy();
          done();
        });
      });`;
    this.#client(script, [from, this.#hostFor(from), port, count]);
  }

  #hostFor(from: string): string {
    return from.includes(':') ? edgeAddresses[1] : edgeAddresses[0];
  }

  #client(script: string, terms: unknown): void {
    const words = ['--input-type=module', '-e', script, JSON.stringify(terms)];
    const { status, stderr } = this.run('client', process.execPath, ...words);
    assert.equal(status, 0, stderr);
  }

  /** Some hundred datagrams of 100 bytes a second from an address of the client's host, until it is killed. */
  talk(from: string): ChildProcess {
    const script = `
      const socket = process.getBuiltinModule('node:dgram').createSocket('udp4');
      const bytes = Buffer.alloc(100);
      socket.bind(0, process.argv[1], () => setInterval(() => {
        for (let i = 0; i < 10; i++) socket.send(bytes, 9_999, process.argv[2]);
      }, 10));`;
    return this.start('client', process.execPath, '-e', script, from, edgeAddresses[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const edge = this.#edge;
    for (const child of this.#running) child.kill('SIGKILL');
    try {
      // Whoever it is by now, after an upgrade.
      if (edge !== null) {
        const { status, stdout } = this.weir('status', '--json');
        this.weir('stop');
        const pid = status === 0 ? JSON.parse(stdout).pid : null;
        await until('the node ends', () => pid === null || !existsSync(`/proc/${pid}/fd/0`));
      }
    } finally {
      if (edge !== null) {
        killGroup(edge.pid as number);
        if (edge.exitCode === null && edge.signalCode === null) await once(edge, 'exit');
      }
      this.wire[Symbol.dispose]();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  async #start(options: ShieldedEdgeOptions): Promise<void> {
    const { wire, folder, state } = this;
    for (const address of options.addresses ?? []) this.addAddress(address);
    // Back to whatever network an address of the client's is in.
    this.run('edge', 'ip', '-6', 'route', 'add', 'fd77::/16', 'dev', wire.edgeInterface);
    const sysctls = { 'net.ipv4.tcp_syncookies': 1, ...options.sysctls };
    for (const [name, value] of Object.entries(sysctls))
      this.run('edge', 'sysctl', '-qw', `${name}=${value}`);
    chmodSync(folder, 0o755);
    const file = join(folder, 'weir.yaml');
    writeFileSync(
      file,
      `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${JSON.stringify(options.allow ?? [])}
${options.user === undefined ? '' : `  user: ${options.user}\n`}kernel:
  xdp: ${options.xdp ?? 'native'}
  interface: ${wire.edgeInterface}
${(options.kernel ?? '').replace(/^(?=.)/gm, '  ')}
upstreams: { app: { servers: [{ url: "${options.upstream ?? 'http://127.0.0.1:9'}" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: ${state}
`,
    );
    const edge = spawn(
      'ip',
      ['netns', 'exec', wire.edge, process.execPath, mainFile, 'edge', '--config', file],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    this.#edge = edge;
    endsWithUs(edge.pid as number);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: edge.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        this.log.push(line);
        if (line.includes('"edge ready"')) resolve();
      });
      edge.on('exit', (code) =>
        reject(new Error(`the edge ended with ${code}:\n${this.log.join('\n')}`)),
      );
    });
  }
}
