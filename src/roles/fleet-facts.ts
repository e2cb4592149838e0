/** What a node tells its fleet of itself, measured when it is told. What cannot be measured here is left out. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NodeControl } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { monotonicMs } from '#core/clock.ts';
import type { NodeFacts } from '#fleet/fleet-node.ts';
import type { BeatMetrics } from '#fleet/messages.ts';

export type FactSources = {
  readonly config: Config;
  readonly addresses: readonly string[];
  readonly adminAddress: string;
  readonly version: string;
  readonly startedAtMs: number;
  readonly control: Pick<NodeControl, 'status' | 'listModules'>;
  readonly shieldStep: () => string;
  readonly pids: () => readonly number[];
  readonly loopDelayMs: () => number | null;
};

export function nodeFacts(sources: FactSources): NodeFacts {
  const { config, addresses, adminAddress, version, startedAtMs, control } = sources;
  const usage = new CpuUsage();
  const modules = () =>
    Object.fromEntries(control.listModules().map(({ name, sha256 }) => [name, sha256]));
  return {
    hello: () => ({
      addresses: addresses.slice(0, 64),
      region: config.fleet?.region ?? null,
      tags: config.fleet?.tags ?? [],
      version: version.slice(0, 64),
      modules: modules(),
      shield: sources.shieldStep(),
      startedAtMs,
      admin: config.fleet?.advertise ?? adminAddress,
    }),
    beat: async () => {
      const status = await control.status();
      const { requests, workers, blocks, degraded } = status;
      const connections = workers.reduce(
        (sum, { openConnections }) => sum + (openConnections ?? 0),
        0,
      );
      const pids = sources.pids();
      const rssBytes = sum(pids.map(rssOf));
      const cpuCores = usage.since(pids);
      const loopDelayMs = sources.loopDelayMs();
      const metrics: BeatMetrics = {
        workers: workers.filter(({ state }) => state === 'ready').length,
        blockEntries: blocks.count,
        ...(requests === null
          ? {}
          : {
              requestsTotal: requests.total,
              blockedTotal: requests.blocked,
              errorsTotal: requests.upstreamErrors,
              connections,
            }),
        ...(rssBytes === null ? {} : { rssBytes }),
        ...(cpuCores === null ? {} : { cpuCores }),
        ...(loopDelayMs === null ? {} : { eventLoopP99Ms: loopDelayMs }),
      };
      return {
        state: status.state === 'starting' ? 'ready' : status.state,
        metrics,
        rules: createHash('sha256').update(JSON.stringify(modules())).digest('hex'),
        degraded: degraded.map(({ part, reason }) => `${part}: ${reason}`),
      };
    },
  };
}

/** `CLK_TCK` of every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Of several processes together, in cores, between two looks. */
class CpuUsage {
  #before = new Map<number, number>();
  #atMs = monotonicMs();

  /** Null at the first look, and where there is no /proc. */
  since(pids: readonly number[]): number | null {
    const now = new Map(
      pids.flatMap((pid): [number, number][] => {
        const ticks = ticksOf(pid);
        return ticks === null ? [] : [[pid, ticks]];
      }),
    );
    const atMs = monotonicMs();
    const seconds = (atMs - this.#atMs) / 1_000;
    let ticks = 0;
    let isKnown = false;
    for (const [pid, count] of now) {
      const before = this.#before.get(pid);
      if (before === undefined) continue;
      isKnown = true;
      ticks += count - before;
    }
    this.#before = now;
    this.#atMs = atMs;
    return isKnown && seconds > 0 ? ticks / ticksPerSecond / seconds : null;
  }
}

/** proc(5): user and system time are the 14th and 15th field, counted behind the name in parentheses. */
function ticksOf(pid: number): number | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks : null;
}

function rssOf(pid: number): number | null {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '');
  return found === null ? null : Number(found[1]) * 1_024;
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
