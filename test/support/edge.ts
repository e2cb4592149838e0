/** The data plane of one worker inside the test's own process, on ports the system picks. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '#config/load.ts';
import type { Config } from '#config/schema.ts';
import type { ServerChange } from '#proxy/upstream/upstream-registry.ts';
import { WorkerProxy, type WorkerSource } from '#proxy/worker-proxy.ts';
import { readUpstreamFiles } from '#roles/snapshot-source.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import type { Filter } from '#wasm/filter.ts';
import { allow, type Inspect, stubFilter } from './filters.ts';
import { until } from './until.ts';

export type EdgeOptions = {
  /** YAML under `edge`, without listeners, as one flow mapping: `{ limits: { … } }`. */
  readonly edge?: Record<string, unknown>;
  readonly listeners?: readonly Record<string, unknown>[];
  readonly upstreams: Record<string, unknown>;
  readonly routes: readonly Record<string, unknown>[];
  /** Functions that look at heads, or whole filters. */
  readonly modules?: Readonly<Record<string, Inspect | Filter>>;
  /** YAML of entries of `waf.rules`, beside their modules. */
  readonly entries?: Readonly<Record<string, Record<string, unknown>>>;
  /** YAML under `waf` beside the rules. */
  readonly waf?: Record<string, unknown>;
  /** PEM for listeners that have `tls`, by index. */
  readonly certificates?: WorkerSource['certificates'];
  /** Names whose certificate is still to come, by listener index. */
  readonly awaitedNames?: WorkerSource['awaitedNames'];
  readonly ticketKeys?: Buffer;
  readonly generation?: number;
  /** `off` where nobody reads it; a file of the edge's own otherwise. */
  readonly accessLog?: 'off';
  /** Unless given, a part that does not work fails the test. */
  readonly onDegraded?: (part: string, reason: string | null) => void;
  /** PEM of the authorities for listeners that ask for client certificates, by index. */
  readonly clientAuthorities?: WorkerSource['clientAuthorities'];
  readonly onServerChange?: (change: ServerChange) => void;
};

/** One route for everything to one origin. */
export function simpleEdge(
  url: string,
  edge: Record<string, unknown> = {},
  upstream: Record<string, unknown> = {},
): EdgeOptions {
  return {
    edge,
    upstreams: { app: { servers: [{ url }], ...upstream } },
    routes: [{ upstream: 'app' }],
  };
}

export class TestEdge implements AsyncDisposable {
  readonly proxy: WorkerProxy;
  readonly addresses: readonly string[];
  readonly #folder: string;
  #live = true;

  private constructor(proxy: WorkerProxy, addresses: readonly string[], folder: string) {
    this.proxy = proxy;
    this.addresses = addresses;
    this.#folder = folder;
  }

  static async start(options: EdgeOptions): Promise<TestEdge> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-edge-'));
    const source = await sourceOf(options, join(folder, 'access.log'));
    const ticketKeys = options.ticketKeys ?? randomBytes(48);
    const proxy = await WorkerProxy.create(
      source,
      1,
      ticketKeys,
      new MetricRegistry(),
      (part, reason) => {
        if (options.onDegraded === undefined) throw new Error(`${part}: ${reason}`);
        options.onDegraded(part, reason);
      },
      (change) => options.onServerChange?.(change),
    );
    const bound = await proxy.listen(source.config.edge.listeners.map(({ address }) => address));
    return new TestEdge(proxy, bound, folder);
  }

  get address(): string {
    return this.addresses[0] as string;
  }

  /** Makes another configuration live, as a reload does. */
  async reload(options: EdgeOptions): Promise<void> {
    const source = await sourceOf(
      { generation: this.proxy.generation + 1, ...options },
      join(this.#folder, 'access.log'),
    );
    this.proxy.commit(await this.proxy.prepare(source));
  }

  sample(key: string): number {
    return this.proxy.samples().get(key) ?? 0;
  }

  /** Resolves once a counter or gauge stands at `value`. */
  async until(key: string, value: number): Promise<void> {
    await until(
      () => `${key} is ${value}; it is ${this.sample(key)}`,
      () => this.sample(key) === value,
    );
  }

  /** Ends the edge and gives its access lines once there are `count`; they are written off this thread. */
  async accessLines(count: number): Promise<Record<string, unknown>[]> {
    await this.#end();
    const read = (): string[] =>
      readFileSync(join(this.#folder, 'access.log'), 'utf8').split('\n').slice(0, -1);
    await until(`${count} access lines`, () => read().length >= count);
    return read().map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async #end(): Promise<void> {
    if (!this.#live) return;
    this.#live = false;
    await this.proxy.drain(0, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Neither the machine's other work nor a test's own speed turns requests away, unless a test says so. */
const calm = { shedAtLoopDelayMs: 60_000, connectionsPerSecondMax: 1_000_000 };

async function sourceOf(options: EdgeOptions, log: string): Promise<WorkerSource> {
  const {
    edge = {},
    listeners = [{ address: '127.0.0.1:0', plaintext: true }],
    modules = {},
  } = options;
  const rules = Object.fromEntries(
    Object.keys(modules).map((name) => [
      name,
      { module: `builtin:${name}`, ...options.entries?.[name] },
    ]),
  );
  const loaded = loadConfig({
    file: null,
    env: {},
    defaults: JSON.stringify({
      edge: { ...edge, limits: { ...calm, ...(edge['limits'] as object) }, listeners },
      upstreams: options.upstreams,
      routes: options.routes,
      waf: { ...options.waf, rules },
      accessLog: { to: options.accessLog ?? log },
    }),
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return {
    generation: options.generation ?? 1,
    config: loaded.config satisfies Config,
    certificates: options.certificates ?? [],
    awaitedNames: options.awaitedNames ?? [],
    ...(options.clientAuthorities && { clientAuthorities: options.clientAuthorities }),
    upstreamFiles: await readUpstreamFiles(loaded.config),
    modules: new Map(
      Object.entries(modules).map(([name, inspect]) => [
        name,
        typeof inspect === 'function' ? stubFilter(name, inspect) : inspect,
      ]),
    ),
  };
}

/** A rule for tests: blocks when the request head holds `text`. */
export const blockWhen =
  (text: string, status = 403): Inspect =>
  (view) =>
    view.bytes.toString('latin1', view.start, view.end).includes(text)
      ? {
          kind: 'block',
          status,
          rule: 'test/text',
          reason: 'the head holds a text',
          target: 'head',
          matched: text,
        }
      : allow;
