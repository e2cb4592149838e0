/**
 * A whole fleet for the nemesis: shipped nodes, a shipped orchestrator and a real nats-server, each on a host of its own
 * (`nemesis-net.ts`), each member with a clock and a disk of its own (`nemesis-shim.ts`), and a relay with the rights of
 * the bus itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { mainFile } from './edge-process.ts';
import { NemesisMember } from './nemesis-member.ts';
import { NemesisNet } from './nemesis-net.ts';
import { NemesisProcess } from './nemesis-process.ts';
import { buildShim, ShimmedDisk } from './nemesis-shim.ts';
import { TalkingProcess } from './network-namespace.ts';
import { endsWithUs, killGroup } from './process-group.ts';

const busAddress = '10.78.0.2';
const busPort = 4222;
const adminPort = 9_000;
const webPort = 8_000;
const calm = {
  WEIR_EDGE_LIMITS_SHED_AT_LOOP_DELAY_MS: '60000',
  WEIR_EDGE_LIMITS_CONNECTIONS_PER_SECOND_MAX: '1000000',
};

export class NemesisWorld implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-nemesis-'));
  readonly net: NemesisNet;
  readonly bus: NemesisProcess;
  readonly members: NemesisMember[] = [];
  readonly #helpers: ChildProcess[] = [];
  #relay: TalkingProcess | null = null;
  readonly #hasShield: boolean;
  #copies = 0;

  private constructor(names: readonly string[], hasShield: boolean) {
    this.#hasShield = hasShield;
    const hosts = Object.fromEntries(names.map((name, at) => [name, `10.78.0.${11 + at}`]));
    this.net = new NemesisNet({ bus: busAddress, orchestrator: '10.78.0.3', ...hosts });
    const server = ['-a', busAddress, '-p', String(busPort), '-js', '-sd', this.#store];
    this.bus = new NemesisProcess({
      name: 'bus',
      command: () => [
        ...this.net.enter('bus'),
        ...['nats-server', '-c', join(this.folder, 'nats.conf'), ...server],
      ],
      readyWords: 'Server is ready',
    });
  }

  /** All of it runs when this resolves; with a shield nodes have the packet program on their cable. */
  static async start(names: readonly string[], hasShield = false): Promise<NemesisWorld> {
    const world = new NemesisWorld(names, hasShield);
    try {
      await world.#makeFiles(names);
      await world.bus.start();
      world.#relay = new TalkingProcess(world.#help('bus', 'nemesis-relay.ts', [world.busUrl]));
      await world.#relay.next();
      const shim = buildShim(world.folder);
      for (const name of [...names, 'orchestrator']) await world.#addMember(name, shim);
      await Promise.all(world.members.map((member) => member.start()));
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get busUrl(): string {
    return `nats://${busAddress}:${busPort}`;
  }

  get nodes(): readonly NemesisMember[] {
    return this.members.filter(({ role }) => role === 'node');
  }

  /** Batches it has heard so far are said again, in another order and under other names. Returns how many. */
  async redeliver(seed: number, most: number): Promise<number> {
    const relay = this.#relay as TalkingProcess;
    const { said } = (await relay.ask(JSON.stringify({ seed, most }))) as { readonly said: number };
    return said;
  }

  /** The stream as it is now, to be put back later. Nobody told the server: some of it is torn. */
  copyStore(): string {
    const copy = join(this.folder, `store-${this.#copies++}`);
    cpSync(this.#store, copy, { recursive: true, errorOnExist: false });
    return copy;
  }

  /** Of a bus that was killed. */
  putStore(copy: string | null): void {
    rmSync(this.#store, { recursive: true, force: true });
    if (copy !== null) cpSync(copy, this.#store, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.members) await process.kill();
    await this.bus.kill();
    for (const helper of this.#helpers) {
      const gone = helper.exitCode === null && helper.signalCode === null;
      const exit = gone ? once(helper, 'exit') : null;
      killGroup(helper.pid as number);
      await exit;
    }
    this.net[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #store(): string {
    return join(this.folder, 'store');
  }

  async #makeFiles(nodes: readonly string[]): Promise<void> {
    const fleet = join(this.folder, 'fleet');
    await writeFleetFiles(fleet, {
      ...{ fleet: 'f', nodes, orchestrators: ['orchestrator'] },
      nats: { host: busAddress, port: busPort },
    });
    // Whatever the server itself could do with what it has heard, this one may.
    const config = readFileSync(join(fleet, 'nats-server.conf'), 'utf8')
      .replace(/^jetstream \{[^}]*\}/m, '')
      .replace(/users: \[/, 'users: [\n      { user: relay, password: relay }');
    writeFileSync(join(this.folder, 'nats.conf'), config);
  }

  async #addMember(name: string, shim: string): Promise<void> {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    const disk = new ShimmedDisk(shim, folder);
    const role = name === 'orchestrator' ? 'orchestrator' : 'node';
    const file = join(folder, 'weir.yaml');
    const keys = join(this.folder, 'fleet', name);
    const section = `fleet: { name: f, nodeId: ${name}, nats: ["${this.busUrl}"], auth: { nkeyFile: ${keys}/nats.nk }, signingKey: ${keys}/signing.key, trust: ${keys}/trust.json }`;
    writeFileSync(
      file,
      `${role === 'node' ? nodeYaml(this.#hasShield) : orchestratorYaml}${section}\nstate: ${disk.state}\n`,
    );
    const process_ = new NemesisProcess({
      name,
      command: () => [
        ...this.net.enter(name),
        ...[process.execPath, mainFile, role === 'node' ? 'edge' : 'orchestrator'],
        ...['--config', file],
      ],
      environment: { ...disk.environment, ...(role === 'node' ? calm : {}) },
      readyWords: role === 'node' ? '"edge ready"' : '"orchestrator ready"',
    });
    const sockets = { admin: join(folder, 'admin.sock'), web: join(folder, 'web.sock') };
    const gate = new TalkingProcess(
      this.#help(name, 'nemesis-gate.ts', [
        `${sockets.admin}=${adminPort}`,
        `${sockets.web}=${webPort}`,
      ]),
    );
    await gate.next();
    this.members.push(new NemesisMember(role, process_, disk, sockets));
  }

  #help(host: string, script: string, words: readonly string[]): ChildProcess {
    const [command = '', ...before] = this.net.enter(host);
    const path = new URL(script, import.meta.url).pathname;
    const child = spawn(command, [...before, process.execPath, path, ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    endsWithUs(child.pid as number);
    this.#helpers.push(child);
    return child;
  }
}

const nodeYaml = (hasShield: boolean): string => `
edge:
  workers: 1
  listeners:
    - { address: "${hasShield ? '0.0.0.0' : '127.0.0.1'}:${webPort}", plaintext: true, proxyProtocol: { from: ["127.0.0.0/8"] } }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
kernel: ${hasShield ? '{ xdp: generic, interface: eth0 }' : '{ xdp: off }'}
accessLog: { to: "off" }
admin: { address: "127.0.0.1:${adminPort}" }
`;
const orchestratorYaml = `
api: { address: "127.0.0.1:${adminPort}" }
`;
