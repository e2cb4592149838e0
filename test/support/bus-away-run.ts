/**
 * A fleet whose bus goes away for a while and comes back: what it enforces meanwhile, through restarts of its nodes, and
 * how soon all hold what was decided in between; then a node that comes for the first time.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgeProcess } from './edge-process.ts';
import { isLetIn, startFleetEdge } from './fleet-edges.ts';
import { startFleet } from './fleet-folder.ts';
import { startTestOrchestrator, type TestOrchestrator } from './orchestrator.ts';
import { cpuSecondsOf } from './process-cpu.ts';
import { killGroup } from './process-group.ts';
import { randomOf } from './random.ts';
import { until } from './until.ts';

export type BusAwayOptions = {
  readonly nodes: number;
  readonly awayMs: number;
  /** Decided before the bus goes, and while it is away. */
  readonly known: number;
  readonly entries: number;
  readonly restarts: number;
  readonly seed: number;
  readonly say: (line: string) => void;
};

export type BusAwayReport = {
  readonly restarts: number;
  /** Clients that are blocked, and others: asked, and those that were treated wrong. */
  readonly blockedAsked: number;
  readonly blockedLetIn: number;
  readonly othersAsked: number;
  readonly othersRefused: number;
  /** Of one request over a connection of its own, before and while the bus is away. */
  readonly requestMs: Readonly<
    Record<'before' | 'away', { readonly p50: number; readonly p99: number }>
  >;
  /** From the bus being there until the last node enforces all; from a joiner being ready until it does. */
  readonly convergedMs: number;
  readonly joinedMs: number;
  /** Of all nodes and the server from its return until the last node enforces all, and of the joiner from its start. */
  readonly cpuSeconds: {
    readonly nodes: number;
    readonly server: number;
    readonly joiner: number;
  };
};

const importedAtOnce = 10_000;
const addressOf = (range: number, at: number): string =>
  `${range}.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
const knownRange = 20;
const newRange = 30;
const sampled = 20;
const lookEveryMs = 100;
const seconds = (value: number): number => Math.round(value * 100) / 100;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function runBusAway(options: BusAwayOptions): Promise<BusAwayReport> {
  const names = Array.from({ length: options.nodes }, (_, at) => `n${at + 1}`);
  await using fleet = await startFleet([...names, 'late']);
  const folder = mkdtempSync(join(tmpdir(), 'weir-away-'));
  const run = new BusAwayRun(options);
  try {
    await using orchestrator = await startTestOrchestrator({ yaml: fleet.section('orchestrator') });
    for (const name of names)
      run.edges.set(name, await startFleetEdge(fleet, name, join(folder, name), ''));
    await run.import(orchestrator, knownRange, options.known);
    await run.holdEverywhere(options.known);
    await run.askFor(Math.min(20_000, options.awayMs / 3), 'before');

    await fleet.server.kill();
    options.say('the bus is gone');
    const importing = run.import(orchestrator, newRange, options.entries);
    for (let at = 0; at < options.restarts; at++) {
      await run.askFor(options.awayMs / (options.restarts + 1), 'away');
      const name = names[at % names.length] as string;
      await run.kill(name);
      run.edges.set(name, await startFleetEdge(fleet, name, join(folder, name), ''));
      await run.hold(run.edges.get(name) as EdgeProcess, options.known);
      await run.checkAll(name, options.known);
    }
    await run.askFor(options.awayMs / (options.restarts + 1), 'away');
    await importing;

    const nodesBefore = run.cpuSeconds();
    await fleet.server.start();
    const backAt = performance.now();
    const all = options.known + options.entries;
    await run.holdEverywhere(all);
    const convergedMs = performance.now() - backAt;
    const nodesCpu = run.cpuSeconds() - nodesBefore;
    const server = cpuSecondsOf(fleet.server.pid);
    options.say(`all hold ${all} after ${Math.round(convergedMs)} ms`);
    const late = await startFleetEdge(fleet, 'late', join(folder, 'late'), '');
    run.edges.set('late', late);
    const readyAt = performance.now();
    await run.hold(late, all);
    const joinedMs = performance.now() - readyAt;
    options.say(`one that joins holds them after ${Math.round(joinedMs)} ms`);
    const joiner = cpuSecondsOf(late.process.pid as number);
    return run.report(convergedMs, joinedMs, { nodes: seconds(nodesCpu), server, joiner });
  } finally {
    for (const name of run.edges.keys()) await run.kill(name);
    rmSync(folder, { recursive: true, force: true });
  }
}

class BusAwayRun {
  readonly edges = new Map<string, EdgeProcess>();
  readonly #options: BusAwayOptions;
  readonly #random: () => number;
  readonly #times: Record<'before' | 'away', number[]> = { before: [], away: [] };
  #restarts = 0;
  #blocked = { asked: 0, wrong: 0 };
  #others = { asked: 0, wrong: 0 };

  constructor(options: BusAwayOptions) {
    this.#options = options;
    this.#random = randomOf(options.seed);
  }

  async import(orchestrator: TestOrchestrator, range: number, count: number): Promise<void> {
    for (let at = 0; at < count; at += importedAtOnce) {
      const targets = Array.from({ length: Math.min(importedAtOnce, count - at) }, (_, index) =>
        addressOf(range, at + index),
      );
      const body = { targets, ttlSeconds: 86_400, waitMs: 0 };
      const answer = await orchestrator.call('POST', '/api/v1/blocklist/import', { body });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    }
  }

  /** A node has so many of the fleet in force: in its own words, and at accept for some of the last of them. */
  async hold(edge: EdgeProcess, count: number): Promise<void> {
    const { known, entries } = this.#options;
    const last =
      count > known ? addressOf(newRange, entries - 1) : addressOf(knownRange, known - 1);
    const enforced = async () => {
      const { body } = await edge.call('GET', '/api/v1/status');
      return (body['fleet'] as { readonly enforced: number } | null)?.enforced;
    };
    // Seldom: each look takes time of the process that is looked at.
    await until(`${count} in force`, async () => {
      const isHeld = !(await isLetIn(edge, last)) && (await enforced()) === count;
      if (!isHeld) await pause(lookEveryMs);
      return isHeld;
    });
    for (let at = 0; at < sampled; at++)
      assert.equal(await isLetIn(edge, this.#anyBlocked(count)), false);
  }

  async holdEverywhere(count: number): Promise<void> {
    await Promise.all([...this.edges.values()].map((edge) => this.hold(edge, count)));
  }

  /** Each block it knew, at accept, right after it has come back. */
  async checkAll(name: string, known: number): Promise<void> {
    this.#restarts++;
    const most = 500;
    for (let at = 0; at < Math.min(known, most); at++) await this.#ask(name, at, 'away');
    this.#options.say(`${name} came back and keeps out ${Math.min(known, most)} of ${known} asked`);
  }

  /** One request after another, half of them of blocked clients. */
  async askFor(ms: number, phase: 'before' | 'away'): Promise<void> {
    const endsAt = performance.now() + ms;
    const names = [...this.edges.keys()];
    while (performance.now() < endsAt) {
      const name = names[Math.floor(this.#random() * names.length)] as string;
      const at = Math.floor(this.#random() * this.#options.known);
      await this.#ask(name, at, phase);
      await pause(10);
    }
  }

  async kill(name: string): Promise<void> {
    const edge = this.edges.get(name);
    if (edge === undefined) return;
    killGroup(edge.process.pid as number);
    await edge.exit;
    rmSync(edge.folder, { recursive: true, force: true });
  }

  /** Of all nodes so far. */
  cpuSeconds(): number {
    return [...this.edges.values()].reduce(
      (sum, edge) => sum + cpuSecondsOf(edge.process.pid as number),
      0,
    );
  }

  report(
    convergedMs: number,
    joinedMs: number,
    cpuSeconds: BusAwayReport['cpuSeconds'],
  ): BusAwayReport {
    const summary = (times: readonly number[]) => {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number) =>
        Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
      return { p50: at(0.5), p99: at(0.99) };
    };
    return {
      restarts: this.#restarts,
      blockedAsked: this.#blocked.asked,
      blockedLetIn: this.#blocked.wrong,
      othersAsked: this.#others.asked,
      othersRefused: this.#others.wrong,
      requestMs: { before: summary(this.#times.before), away: summary(this.#times.away) },
      convergedMs: Math.round(convergedMs),
      joinedMs: Math.round(joinedMs),
      cpuSeconds,
    };
  }

  async #ask(name: string, at: number, phase: 'before' | 'away'): Promise<void> {
    const edge = this.edges.get(name) as EdgeProcess;
    this.#blocked.asked++;
    if (await isLetIn(edge, addressOf(knownRange, at))) this.#blocked.wrong++;
    const startedAt = performance.now();
    this.#others.asked++;
    if (!(await isLetIn(edge, addressOf(40, at)))) this.#others.wrong++;
    this.#times[phase].push(performance.now() - startedAt);
  }

  #anyBlocked(count: number): string {
    const at = Math.floor(this.#random() * count);
    const { known } = this.#options;
    return at < known ? addressOf(knownRange, at) : addressOf(newRange, at - known);
  }
}
