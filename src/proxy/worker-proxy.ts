/**
 * The data plane of one worker: listeners, live snapshot, block list, and how they change.
 *
 * A change is prepared beside what is live and then swapped in one assignment between two requests, so
 * preparing can fail without a trace and committing cannot fail.
 */
import type { Config } from '#config/schema.ts';
import { DeadlineTable } from '#core/deadline-table.ts';
import type { MetricRegistry, MetricSamples } from '#telemetry/metrics.ts';
import type { LiveModule } from '#wasm/live-module.ts';
import { AccessLog } from './access-log.ts';
import { type BlockItem, BlockList } from './block-list.ts';
import type { ProxyContext } from './context.ts';
import { type ListenerKind, ProxyListener } from './listener.ts';
import { ProxyMetrics } from './proxy-metrics.ts';
import { compileSnapshot, type Snapshot } from './snapshot.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';
import {
  type ServerChange,
  type UpstreamFiles,
  UpstreamRegistry,
} from './upstream/upstream-registry.ts';
import { ViewPool } from './view-pool.ts';

export type WorkerSource = {
  readonly generation: number;
  readonly config: Config;
  readonly certificates: readonly {
    readonly listener: number;
    readonly cert: string;
    readonly key: string;
  }[];
  readonly modules: ReadonlyMap<string, LiveModule>;
  readonly upstreamFiles: readonly UpstreamFiles[];
};

type Prepared = {
  readonly source: WorkerSource;
  readonly snapshot: Snapshot;
  readonly groups: ReadonlyMap<string, UpstreamGroup>;
  readonly accessLog: AccessLog;
};

export class WorkerProxy {
  readonly #context: ProxyContext;
  readonly #upstreams: UpstreamRegistry;
  readonly #workers: number;
  readonly #listeners: ProxyListener[] = [];
  readonly #onDegraded: (part: string, reason: string) => void;
  #live: Prepared;

  private constructor(
    context: ProxyContext,
    upstreams: UpstreamRegistry,
    live: Prepared,
    workers: number,
    onDegraded: (part: string, reason: string) => void,
  ) {
    this.#context = context;
    this.#upstreams = upstreams;
    this.#live = live;
    this.#workers = workers;
    this.#onDegraded = onDegraded;
  }

  static async create(
    source: WorkerSource,
    workers: number,
    ticketKeys: Buffer,
    registry: MetricRegistry,
    onDegraded: (part: string, reason: string) => void,
    onServerChange: (change: ServerChange) => void,
  ): Promise<WorkerProxy> {
    const metrics = new ProxyMetrics(registry);
    const deadlines = new DeadlineTable();
    const upstreams = new UpstreamRegistry(deadlines, registry, onServerChange);
    const groups = upstreams.prepare(source.config, source.upstreamFiles);
    const snapshot = compileSnapshot(source.generation, source.config, groups, source.modules);
    const accessLog = await AccessLog.open(source.config.accessLog, metrics.logDropped, (reason) =>
      onDegraded('access log', reason),
    );
    const context: ProxyContext = {
      snapshot,
      draining: false,
      accessLog,
      metrics,
      deadlines,
      blockList: new BlockList(),
      views: new ViewPool(source.config.edge.limits.headersMax),
    };
    const proxy = new WorkerProxy(
      context,
      upstreams,
      { source, snapshot, groups, accessLog },
      workers,
      onDegraded,
    );
    upstreams.retain(groups.values());
    source.config.edge.listeners.forEach((listener, index) => {
      const certificate = source.certificates.find((one) => one.listener === index);
      const kind: ListenerKind =
        certificate !== undefined
          ? { kind: 'tls', cert: certificate.cert, key: certificate.key, ticketKeys }
          : listener.redirect !== undefined
            ? { kind: 'redirect', port: listener.redirectPort ?? 443 }
            : { kind: 'plaintext' };
      proxy.#listeners.push(new ProxyListener(kind, context, () => proxy.#connectionsMax()));
    });
    return proxy;
  }

  get generation(): number {
    return this.#context.snapshot.generation;
  }

  /** Binds every listener; `addresses` are by index. */
  listen(addresses: readonly string[]): Promise<string[]> {
    return Promise.all(
      this.#listeners.map((listener, index) => listener.listen(addresses[index] as string)),
    );
  }

  async prepare(source: WorkerSource): Promise<Prepared> {
    const groups = this.#upstreams.prepare(source.config, source.upstreamFiles);
    try {
      const snapshot = compileSnapshot(source.generation, source.config, groups, source.modules);
      const before = JSON.stringify(this.#live.source.config.accessLog);
      const accessLog =
        before === JSON.stringify(source.config.accessLog)
          ? this.#context.accessLog
          : await AccessLog.open(
              source.config.accessLog,
              this.#context.metrics.logDropped,
              (reason) => this.#onDegraded('access log', reason),
            );
      return { source, snapshot, groups, accessLog };
    } catch (error) {
      this.#upstreams.retain(this.#live.groups.values());
      throw error;
    }
  }

  commit(prepared: Prepared): void {
    const { source } = prepared;
    for (const certificate of source.certificates) {
      const before = this.#live.source.certificates.find(
        (one) => one.listener === certificate.listener,
      );
      if (before?.cert !== certificate.cert || before.key !== certificate.key) {
        this.#listeners[certificate.listener]?.setCertificate(certificate.cert, certificate.key);
      }
    }
    if (prepared.accessLog !== this.#context.accessLog) {
      void this.#context.accessLog.close();
      this.#context.accessLog = prepared.accessLog;
    }
    if (source.config.edge.limits.headersMax !== this.#context.views.headersMax) {
      this.#context.views = new ViewPool(source.config.edge.limits.headersMax);
    }
    this.#context.snapshot = prepared.snapshot;
    this.#live = prepared;
    this.#upstreams.retain(prepared.groups.values());
  }

  abandon(prepared: Prepared): void {
    if (prepared.accessLog !== this.#context.accessLog) void prepared.accessLog.close();
    this.#upstreams.retain(this.#live.groups.values());
  }

  applyBlocks(version: number, add: readonly BlockItem[], remove: readonly string[]): void {
    this.#context.blockList.apply(version, add, remove);
    if (add.length > 0) for (const listener of this.#listeners) listener.cutBlocked();
  }

  samples(): MetricSamples {
    const { metrics, blockList } = this.#context;
    metrics.upstreamOpen.value = this.#upstreams.measure();
    metrics.blockEntries.value = blockList.size;
    return metrics.registry.samples();
  }

  /** Resolves when the last connection is gone, at the latest after `graceMs`. */
  drain(graceMs: number): Promise<void> {
    this.#context.draining = true;
    for (const listener of this.#listeners) listener.drain();
    return new Promise((resolve) => {
      const started = performance.now();
      const timer = setInterval(() => {
        const open = this.#listeners.reduce((sum, listener) => sum + listener.openCount, 0);
        if (open > 0 && performance.now() - started < graceMs) return;
        clearInterval(timer);
        for (const listener of this.#listeners) listener.destroyAll();
        this.#upstreams.close();
        resolve(this.#context.accessLog.close());
      }, 20);
    });
  }

  /** The limit holds over all workers; each takes its share. */
  #connectionsMax(): number {
    return Math.max(1, Math.ceil(this.#context.snapshot.limits.connectionsMax / this.#workers));
  }
}
