/**
 * The shipped edge behind a wire of its own: a node with the packet program in one network namespace, clients
 * with as many addresses as a test wants in the other.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { clientAddresses, edgeAddresses } from './network-namespace.ts';
import { WiredNode } from './wired-node.ts';

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

export class ShieldedEdge extends WiredNode {
  readonly #running: ChildProcess[] = [];

  static async start(options: ShieldedEdgeOptions = {}): Promise<ShieldedEdge> {
    const edge = new ShieldedEdge();
    try {
      edge.#prepare(options);
      await edge.startProcess();
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

  /** Runs on, until it is killed or the test ends. */
  start(side: 'client' | 'edge', command: string, ...words: readonly string[]): ChildProcess {
    const all = ['netns', 'exec', this.wire[side], command, ...words];
    const child = spawn('ip', all, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#running.push(child);
    return child;
  }

  /** Packets with that verdict, of one protocol or of all. */
  countedOf(verdict: string, protocol = '\\w+'): number {
    const series = new RegExp(
      `^weir_shield_packets_total\\{verdict="${verdict}",protocol="${protocol}"\\} (\\d+)$`,
      'gm',
    );
    let sum = 0;
    for (const [, count] of this.metrics().matchAll(series)) sum += Number(count);
    return sum;
  }

  blocks(): { target: string; origin: string; reason: string; expiresAt: string | null }[] {
    return this.weir<{ entries: ReturnType<ShieldedEdge['blocks']> }>('block', 'list').entries;
  }

  /** One GET from an address of the client: whether there was an answer, whatever it was. */
  askFrom(from: string): 'answered' | 'no answer' {
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
    this.client(script, JSON.stringify([from, this.#hostFor(from), ports]));
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
    this.client(script, JSON.stringify([from, this.#hostFor(from), port, count, says]));
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
    this.client(script, JSON.stringify([from, this.#hostFor(from), port, count]));
  }

  #hostFor(from: string): string {
    return from.includes(':') ? edgeAddresses[1] : edgeAddresses[0];
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

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await super[Symbol.asyncDispose]();
  }

  #prepare(options: ShieldedEdgeOptions): void {
    for (const address of options.addresses ?? []) this.addAddress(address);
    // Back to whatever network an address of the client's is in.
    this.run('edge', 'ip', '-6', 'route', 'add', 'fd77::/16', 'dev', this.wire.edgeInterface);
    const sysctls = { 'net.ipv4.tcp_syncookies': 1, ...options.sysctls };
    for (const [name, value] of Object.entries(sysctls)) this.sysctl(name, value);
    this.configure(`edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${JSON.stringify(options.allow ?? [])}
${options.user === undefined ? '' : `  user: ${options.user}\n`}kernel:
  xdp: ${options.xdp ?? 'native'}
  interface: $INTERFACE
${(options.kernel ?? '').replace(/^(?=.)/gm, '  ')}
upstreams: { app: { servers: [{ url: "${options.upstream ?? 'http://127.0.0.1:9'}" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`);
  }
}
