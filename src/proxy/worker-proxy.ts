/**
 * The data plane of one worker: listeners, live snapshot, block list, and how they change.
 *
 * A change is prepared beside what is live and then swapped in one assignment between two requests, so
 * preparing can fail without a trace and committing cannot fail.
 */
import type { Config } from '#config/schema.ts';
import { monotonicMs } from '#core/clock.ts';
import { DeadlineTable } from '#core/deadline-table.ts';
import type { MetricRegistry, MetricSamples } from '#telemetry/metrics.ts';
import type { Filter } from '#wasm/filter.ts';
import { AccessLog } from './access-log.ts';
import { type AcmeChallengeSet, AcmeChallenges } from './acme-challenges.ts';
import type { BlockHit } from './block-hits.ts';
import { type BlockItem, BlockList } from './block-list.ts';
import { Challenges } from './challenge/challenges.ts';
import type { ProxyContext } from './context.ts';
import { limitKey } from './listener/address-rate.ts';
import { Admission } from './listener/admission.ts';
import { HandshakeLog, type Handshakes, type OpenCounts } from './listener/handshake-log.ts';
import { type ListenerKind, ProxyListener } from './listener.ts';
import { LoadShedder } from './load-shedder.ts';
import { ProxyMetrics } from './proxy-metrics.ts';
import { RateGate } from './rates/rate-gate.ts';
import { RateMetrics } from './rates/rate-metrics.ts';
import { loneStores } from './rates/rate-stores.ts';
import { type CheckAnswer, type CheckedRequest, checkRequest } from './request-check.ts';
import type { RequestObserver } from './request-record.ts';
import { compileSnapshot, type Snapshot } from './snapshot.ts';
import type { CertificateSource } from './tls/certificate-store.ts';
import type { TlsEngine } from './tls/tls-engine.ts';
import { type TlsSource, tlsSourceKey } from './tls/tls-source.ts';
import { unknownModes } from './unknown-modes.ts';
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
  /** In the order of each listener's list; a listener with TLS has at least one. */
  readonly certificates: readonly CertificateSource[];
  /** PEM of the authorities whose client certificates a listener takes. */
  readonly clientAuthorities?: readonly { readonly listener: number; readonly pem: string }[];
  /** Names whose certificate is still to come: their handshakes are refused. */
  readonly awaitedNames?: readonly { readonly listener: number; readonly name: string }[];
  readonly modules: ReadonlyMap<string, Filter>;
  readonly upstreamFiles: readonly UpstreamFiles[];
};

type Prepared = {
  readonly source: WorkerSource;
  readonly snapshot: Snapshot;
  readonly groups: ReadonlyMap<string, UpstreamGroup>;
  readonly accessLog: AccessLog;
  /** By listener index; only those whose certificates or settings change. */
  readonly engines: ReadonlyMap<number, TlsEngine>;
};

export class WorkerProxy {
  readonly #context: ProxyContext;
  readonly #upstreams: UpstreamRegistry;
  readonly #listeners: ProxyListener[] = [];
  readonly #onDegraded: (part: string, reason: string | null) => void;
  #ticketKeys: Buffer;
  #live: Prepared;
  #unknownModes: string | null = null;

  private constructor(
    context: ProxyContext,
    upstreams: UpstreamRegistry,
    live: Prepared,
    ticketKeys: Buffer,
    onDegraded: (part: string, reason: string | null) => void,
  ) {
    this.#context = context;
    this.#upstreams = upstreams;
    this.#live = live;
    this.#ticketKeys = ticketKeys;
    this.#onDegraded = onDegraded;
  }

  static async create(
    source: WorkerSource,
    workers: number,
    ticketKeys: Buffer,
    registry: MetricRegistry,
    onDegraded: (part: string, reason: string | null) => void,
    onServerChange: (change: ServerChange) => void,
    observers: readonly RequestObserver[] = [],
    rates = new RateGate(loneStores(), new RateMetrics(registry)),
  ): Promise<WorkerProxy> {
    const metrics = new ProxyMetrics(registry);
    const deadlines = new DeadlineTable();
    const upstreams = new UpstreamRegistry(deadlines, registry, onServerChange);
    const groups = upstreams.prepare(source.config, source.upstreamFiles);
    const snapshot = compileSnapshot(
      source.generation,
      source.config,
      groups,
      source.modules,
      metrics.modules,
    );
    const accessLog = await AccessLog.open(source.config.accessLog, metrics.logDropped, (reason) =>
      onDegraded('access log', reason),
    );
    const context: ProxyContext = {
      snapshot,
      draining: false,
      accessLog,
      metrics,
      observers,
      rates,
      deadlines,
      blockList: new BlockList(snapshot.allowed),
      admission: new Admission(workers),
      handshakes: handshakeLogOf(source, null),
      load: new LoadShedder(
        workers,
        () => context.snapshot,
        (reason) => {
          metrics.connections.shedding.value = reason === null ? 0 : 1;
          onDegraded('overload', reason);
        },
      ),
      challenges: new AcmeChallenges(),
      clientChallenges: new Challenges(metrics.challenges),
      views: new ViewPool(source.config.edge.limits.headersMax),
    };
    const proxy = new WorkerProxy(
      context,
      upstreams,
      { source, snapshot, groups, accessLog, engines: new Map() },
      ticketKeys,
      onDegraded,
    );
    upstreams.retain(groups.values());
    proxy.#sayUnknownModes(source);
    source.config.edge.listeners.forEach((listener, index) => {
      const tls = tlsSourceOf(source, index);
      const kind: ListenerKind =
        tls !== null
          ? { kind: 'tls', source: tls, ticketKeys }
          : listener.redirect !== undefined
            ? { kind: 'redirect', port: listener.redirectPort ?? 443 }
            : { kind: listener.tcp !== undefined ? 'tcp' : 'plaintext' };
      proxy.#listeners.push(new ProxyListener(kind, index, context));
    });
    return proxy;
  }

  get generation(): number {
    return this.#context.snapshot.generation;
  }

  /** Opens every listener; `addresses` and `descriptors` are by index, the latter null to bind here. */
  listen(
    addresses: readonly string[],
    descriptors: readonly number[] | null = null,
  ): Promise<string[]> {
    return Promise.all(
      this.#listeners.map((listener, index) =>
        listener.listen(addresses[index] as string, descriptors?.[index] ?? null),
      ),
    );
  }

  async prepare(source: WorkerSource): Promise<Prepared> {
    const groups = this.#upstreams.prepare(source.config, source.upstreamFiles);
    try {
      const snapshot = compileSnapshot(
        source.generation,
        source.config,
        groups,
        source.modules,
        this.#context.metrics.modules,
      );
      const engines = this.#prepareTls(source);
      const before = JSON.stringify(this.#live.source.config.accessLog);
      const accessLog =
        before === JSON.stringify(source.config.accessLog)
          ? this.#context.accessLog
          : await AccessLog.open(
              source.config.accessLog,
              this.#context.metrics.logDropped,
              (reason) => this.#onDegraded('access log', reason),
            );
      return { source, snapshot, groups, accessLog, engines };
    } catch (error) {
      this.#retainLive();
      throw error;
    }
  }

  commit(prepared: Prepared): void {
    const { source } = prepared;
    for (const [index, engine] of prepared.engines) this.#listeners[index]?.commitTls(engine);
    if (prepared.accessLog !== this.#context.accessLog) {
      void this.#context.accessLog.close();
      this.#context.accessLog = prepared.accessLog;
    }
    if (source.config.edge.limits.headersMax !== this.#context.views.headersMax) {
      this.#context.views = new ViewPool(source.config.edge.limits.headersMax);
    }
    this.#context.handshakes = handshakeLogOf(source, this.#context.handshakes);
    this.#context.snapshot = prepared.snapshot;
    this.#sayUnknownModes(source);
    this.#context.blockList.allowed = prepared.snapshot.allowed;
    this.#context.metrics.modules.retain(source.modules.values());
    this.#live = prepared;
    this.#upstreams.retain(prepared.groups.values());
  }

  abandon(prepared: Prepared): void {
    if (prepared.accessLog !== this.#context.accessLog) void prepared.accessLog.close();
    this.#retainLive();
  }

  /** What was made for a change that does not come is let go. */
  #retainLive(): void {
    this.#upstreams.retain(this.#live.groups.values());
    this.#context.metrics.modules.retain(this.#live.source.modules.values());
  }

  /** Tickets that were made before are no longer taken; their clients make a full handshake. */
  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys;
    for (const listener of this.#listeners) listener.setTicketKeys(keys);
  }

  applyBlocks(version: number, add: readonly BlockItem[], remove: readonly string[]): void {
    this.#context.blockList.apply(version, add, remove);
    if (add.length > 0) for (const listener of this.#listeners) listener.cutBlocked();
  }

  /** Entries of the block list that were met since the last call. */
  takeBlockHits(): readonly BlockHit[] {
    return this.#context.blockList.hits.take();
  }

  setChallenges(challenges: AcmeChallengeSet): void {
    this.#context.challenges.set(challenges);
  }

  /** The first signs; what others have signed is still believed. */
  setChallengeKeys(keys: readonly Uint8Array[]): void {
    this.#context.clientChallenges.setKeys(keys);
  }

  /** Of each target, an address or an IPv6 /64: what has come of its connections lately, open ones included. */
  handshakes(targets: readonly string[]): Handshakes[] {
    const log = this.#context.handshakes;
    if (log === null) return targets.map(() => ({ opened: 0, refused: 0, spoke: 0 }));
    const now = monotonicMs();
    const keys = targets.map((target) => limitKey(target.replace(/\/\d+$/, '')));
    const open = new Map(keys.map((key) => [key, { speaking: 0, fresh: 0 }]));
    for (const listener of this.#listeners) listener.countOpen(open, now);
    return keys.map((key) => {
      const { speaking, fresh } = open.get(key) as OpenCounts;
      const { opened, refused, spoke } = log.of(key, now);
      return { opened: Math.max(0, opened - fresh), refused, spoke: spoke + speaking };
    });
  }

  /** Through the rules of its route, and no further. */
  check(request: CheckedRequest): Promise<CheckAnswer> {
    return checkRequest(this.#context, request);
  }

  samples(): MetricSamples {
    const { metrics, blockList } = this.#context;
    metrics.upstreamOpen.value = this.#upstreams.measure();
    metrics.blockEntries.value = blockList.size;
    metrics.connections.monitored.value = blockList.hits.monitored;
    metrics.connections.hitsLost.value = blockList.hits.lost;
    metrics.modules.measure();
    this.#context.rates.measure();
    return metrics.registry.samples();
  }

  /**
   * Resolves when the last connection is gone, at the latest after `graceMs`. An idle connection may be
   * used once more for `idleMs`, and is then told that it closes: a client cannot be told before.
   */
  drain(graceMs: number, idleMs: number): Promise<void> {
    this.#context.draining = true;
    for (const listener of this.#listeners) listener.drain(idleMs);
    return new Promise((resolve) => {
      const started = performance.now();
      const timer = setInterval(() => {
        const open = this.#listeners.reduce((sum, listener) => sum + listener.openCount, 0);
        if (open > 0 && performance.now() - started < graceMs) return;
        clearInterval(timer);
        this.#context.metrics.connections.timedOut.drain.value += open;
        for (const listener of this.#listeners) listener.destroyAll();
        this.#context.load.close();
        this.#upstreams.close();
        resolve(this.#context.accessLog.close());
      }, 20);
    });
  }

  #sayUnknownModes({ config, modules }: WorkerSource): void {
    const unknown = unknownModes(config, modules);
    if (unknown !== this.#unknownModes) this.#onDegraded('modes of rules', unknown);
    this.#unknownModes = unknown;
  }

  /** A certificate, key or setting that OpenSSL does not take fails here, while nothing has changed. */
  #prepareTls(source: WorkerSource): ReadonlyMap<number, TlsEngine> {
    const engines = new Map<number, TlsEngine>();
    for (const [index, listener] of this.#listeners.entries()) {
      const next = tlsSourceOf(source, index);
      const before = tlsSourceOf(this.#live.source, index);
      if (next === null || (before !== null && tlsSourceKey(before) === tlsSourceKey(next)))
        continue;
      const engine = listener.prepareTls(next, this.#ticketKeys);
      if (engine !== null) engines.set(index, engine);
    }
    return engines;
  }
}

/** Null for a listener without TLS. */
function tlsSourceOf(source: WorkerSource, index: number): TlsSource | null {
  const listener = source.config.edge.listeners[index];
  const settings = listener?.tls;
  if (settings === undefined) return null;
  return {
    settings,
    certificates: source.certificates.filter(({ listener }) => listener === index),
    clientAuthorities:
      source.clientAuthorities?.find(({ listener }) => listener === index)?.pem ?? null,
    awaited: (source.awaitedNames ?? [])
      .filter(({ listener }) => listener === index)
      .map(({ name }) => name),
    protocols: listener?.http2 === false ? ['http/1.1'] : ['h2', 'http/1.1'],
  };
}

/** The one there is goes on. */
function handshakeLogOf(
  { config }: WorkerSource,
  before: HandshakeLog | null,
): HandshakeLog | null {
  return config.kernel.detect.mode === 'block' ? (before ?? new HandshakeLog()) : null;
}
