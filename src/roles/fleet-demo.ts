/**
 * `weir fleet demo`: a real nats-server, an orchestrator and three edges on this machine, each its own process
 * with the keys and permissions `weir fleet init` writes, and a block that goes round every few seconds.
 *
 * ```
 * init ─► nats-server ─► orchestrator, edges ─► all hear of each other ─► rounds … ─► Ctrl-C: edges, orchestrator, server
 * ```
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fleetBlockAnswer as nodeBlockAnswer } from '#admin/fleet-schema.ts';
import { statusAnswer } from '#admin/schema.ts';
import type { FleetDemoOptions } from '#cli/command.ts';
import { type CallTarget, callAt } from '#cli/daemon-client.ts';
import { discoverDaemon, nodeDaemon, orchestratorDaemon } from '#cli/discover.ts';
import { LiveScreen } from '#cli/live-screen.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { fleetBlockAnswer, orchestratorStatus } from '#orchestrator/schema.ts';
import { type DemoView, demoPage, type MemberView, roundLine } from './fleet-demo-page.ts';
import {
  demoNodes,
  demoOrchestrator,
  natsServerVersion,
  writeFleetDemo,
} from './fleet-demo-plan.ts';
import { FleetDemoProcesses } from './fleet-demo-processes.ts';
import { type DemoNode, type Round, runRound, targetOf } from './fleet-demo-round.ts';

const redrawMs = 500;
/** Nodes that have not found each other by then will not. */
const meetMsMax = 30_000;
const roundsShown = 64;
/** Shorter than it takes the addresses to come round again. */
const ttlSeconds = 30;
/** Between two blocks however often the key is pressed, for the same reason. */
const roundMsMin = 250;

export async function runFleetDemo(options: FleetDemoOptions): Promise<number> {
  const version = natsServerVersion();
  const ending = new AbortController();
  const processes = new FleetDemoProcesses();
  const onSignal = () => (ending.signal.aborted ? processes.killAll() : ending.abort());
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const isOwn = options.dir === null;
  const folder = isOwn
    ? mkdtempSync(join(tmpdir(), 'weir-fleet-demo-'))
    : resolve(options.dir ?? '');
  let origin: Server | null = null;
  try {
    if (!isOwn) mkdirSync(folder, { recursive: true, mode: 0o700 });
    origin = await startOrigin();
    const { port } = origin.address() as AddressInfo;
    const demo = new FleetDemo({ ...options, version, folder, processes, ending: ending.signal });
    await demo.start(`http://127.0.0.1:${port}`);
    await demo.run();
  } catch (error) {
    // Whoever ends it while it starts wants no words about what did not start.
    if (!ending.signal.aborted) throw error;
  } finally {
    await processes.end([demoNodes, [demoOrchestrator], ['nats-server']]);
    origin?.closeAllConnections();
    origin?.close();
    if (isOwn) rmSync(folder, { recursive: true, force: true });
    for (const signal of signals) process.off(signal, onSignal);
  }
  options.print.line('ended, with all that was started');
  return 0;
}

type Parts = FleetDemoOptions & {
  readonly version: string;
  readonly folder: string;
  readonly processes: FleetDemoProcesses;
  readonly ending: AbortSignal;
};

class FleetDemo {
  readonly #parts: Parts;
  readonly #rounds: Round[] = [];
  #fleetFolder = '';
  #server = '';
  #nodes: DemoNode[] = [];
  #done = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async start(upstream: string): Promise<void> {
    const { folder, print, processes, version } = this.#parts;
    const plan = await writeFleetDemo(folder, upstream);
    this.#fleetFolder = plan.folder;
    this.#server = `nats-server ${version} at 127.0.0.1:${plan.port}`;
    print.line(`starting ${this.#server}, an orchestrator and ${demoNodes.length} edges …`);
    await processes.start({
      name: 'nats-server',
      command: 'nats-server',
      args: ['-c', 'nats-server.conf'],
      folder: plan.folder,
      isReady: (line) => line.includes('Server is ready'),
    });
    const entry = new URL('../main.ts', import.meta.url).pathname;
    const member = (id: string, role: string) =>
      processes.start({
        name: id,
        command: process.execPath,
        args: [entry, role, '--config', plan.files.get(id) ?? ''],
        folder: join(plan.folder, id),
        isReady: (line) => line.includes(`"msg":"${role} ready"`),
      });
    const [lines] = await Promise.all([
      Promise.all(demoNodes.map((id) => member(id, 'edge'))),
      member(demoOrchestrator, 'orchestrator'),
    ]);
    this.#nodes = demoNodes.map((id, index) => ({ id, port: portOf(lines[index] ?? '') }));
    await this.#meet();
  }

  async run(): Promise<void> {
    const { io, ending, rounds, print } = this.#parts;
    const isLive = io.stdout.isTTY === true && io.env['TERM'] !== 'dumb';
    if (isLive) return this.#live();
    print.line(`${this.#server}; all are connected; a client asks each edge until it is refused`);
    while (!ending.aborted && (rounds === null || this.#done < rounds)) {
      print.line(roundLine(await this.#round()));
      if (this.#done !== rounds) await this.#wait(this.#parts.everySeconds * 1_000);
    }
  }

  async #live(): Promise<void> {
    const { io, print, rounds, everySeconds, ending } = this.#parts;
    using screen = new LiveScreen(io);
    let words = '';
    let nextAtMs = performance.now();
    let running: Promise<void> | null = null;
    let isWanted = false;
    const begin = () => {
      words = `${targetOf(this.#done + 1)} is going round …`;
      running = this.#round().then(
        (round) => {
          words = roundLine(round);
          running = null;
        },
        (error: unknown) => {
          words = describeError(error);
          running = null;
        },
      );
    };
    while (!screen.isEnded && !ending.aborted) {
      const isDone = rounds !== null && this.#done >= rounds;
      if (running === null && isDone) return;
      if (running === null && (isWanted || performance.now() >= nextAtMs)) {
        isWanted = false;
        nextAtMs = performance.now() + everySeconds * 1_000;
        begin();
      }
      screen.draw(demoPage(await this.#view(words), screen.rows, print));
      for (const key of await screen.keys(redrawMs)) {
        if (key === 'q') return;
        if (key === 'b') isWanted = true;
      }
    }
  }

  /** Each member has its turn to be asked. */
  async #round(): Promise<Round> {
    const number = ++this.#done;
    const issuers = [...demoNodes, demoOrchestrator];
    const issuer = issuers[(number - 1) % issuers.length] ?? demoOrchestrator;
    const target = targetOf(number);
    const json = { target, ttlSeconds, reason: `round ${number} of the demo` };
    const startedAt = performance.now();
    const member = await this.#member(issuer);
    const call = { method: 'POST', json } as const;
    const round = await runRound(this.#nodes, { number, target, issuer }, () =>
      issuer === demoOrchestrator
        ? callAt(member, { ...call, path: '/api/v1/blocklist', answer: fleetBlockAnswer })
        : callAt(member, { ...call, path: '/api/v1/fleet/blocks', answer: nodeBlockAnswer }),
    );
    this.#rounds.unshift(round);
    this.#rounds.length = Math.min(this.#rounds.length, roundsShown);
    await this.#wait(roundMsMin - (performance.now() - startedAt));
    return round;
  }

  /** The nodes have a bus, and the orchestrator knows them all. */
  async #meet(): Promise<void> {
    const { ending } = this.#parts;
    const startedAt = performance.now();
    for (;;) {
      const { members } = await this.#view('');
      if (members.every(({ isWell }) => isWell)) return;
      if (performance.now() - startedAt > meetMsMax)
        throw new WeirError('FLEET_DEMO_FAILED', 'the members have not found each other', {
          details: members.map(({ id, state }) => `${id}: ${state}`),
        });
      await this.#wait(100);
      ending.throwIfAborted();
    }
  }

  async #view(words: string): Promise<DemoView> {
    const members = await Promise.all([
      ...this.#nodes.map((node) => this.#nodeView(node)),
      this.#orchestratorView(),
    ]);
    return { server: this.#server, members, rounds: this.#rounds, nodes: demoNodes, words };
  }

  async #nodeView({ id, port }: DemoNode): Promise<MemberView> {
    const address = `127.0.0.1:${port}`;
    const call = { method: 'GET', path: '/api/v1/status', answer: statusAnswer } as const;
    try {
      const { state, fleet, blocks, requests } = await callAt(await this.#member(id), call);
      const hasBus = fleet?.state === 'connected';
      return {
        ...{ id, address, state: hasBus ? state : `${state}, no bus` },
        isWell: hasBus && state === 'ready',
        blocks: blocks.fleet,
        requests: requests?.total ?? null,
      };
    } catch {
      return { id, address, ...this.#silent(id) };
    }
  }

  async #orchestratorView(): Promise<MemberView> {
    const id = demoOrchestrator;
    const call = { method: 'GET', path: '/api/v1/status', answer: orchestratorStatus } as const;
    try {
      const { fleet, address } = await callAt(await this.#member(id), call);
      const { nodes = 0, blocks = 0, isLeader = false } = fleet ?? {};
      const state = isLeader ? `leads ${nodes} nodes` : (fleet?.bus ?? 'no bus');
      const isWell = isLeader && nodes === demoNodes.length;
      return { id, state, isWell, address, blocks, requests: null };
    } catch {
      return { id, address: '-', ...this.#silent(id) };
    }
  }

  #silent(id: string): Omit<MemberView, 'id' | 'address'> {
    const state = this.#parts.processes.isRunning(id) ? 'silent' : 'ended';
    return { state, isWell: false, blocks: null, requests: null };
  }

  /** Read anew each time: one that was started again has another port. */
  async #member(id: string): Promise<CallTarget> {
    const folder = join(this.#fleetFolder, id);
    const kind = id === demoOrchestrator ? orchestratorDaemon : nodeDaemon;
    const found = await discoverDaemon(this.#parts.io, join(folder, 'state'), kind);
    const hint = `its log is ${join(folder, `${id}.log`)}`;
    return { ...found, noun: id, whenSilent: hint, whenGone: hint };
  }

  async #wait(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#parts.ending }).catch(() => {});
  }
}

/** What stands behind the edges: a client that is let in gets an answer of it. */
function startOrigin(): Promise<Server> {
  const server = createServer((_, response) => response.end('hello from behind the fleet\n'));
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => done(server));
  });
}

/** Of the listener, from the line by which an edge says that it is ready. */
function portOf(line: string): number {
  const { addresses = [] } = JSON.parse(line) as { readonly addresses?: readonly string[] };
  return Number(addresses[0]?.split(':').at(-1) ?? 0);
}
