/**
 * A worker process: the data plane, driven by the supervisor's messages and nothing else.
 *
 * Messages are handled strictly one after another, so a change that is sent while the worker is still
 * starting is applied after the start, in order. When the supervisor is gone the worker drains and ends.
 */

import { flushCompileCache } from 'node:module';
import { assert, unreachable } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import { RateGate } from '#proxy/rates/rate-gate.ts';
import { RateMetrics } from '#proxy/rates/rate-metrics.ts';
import { WorkerProxy, type WorkerSource } from '#proxy/worker-proxy.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry, type MetricSamples } from '#telemetry/metrics.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import type { Filter } from '#wasm/filter.ts';
import { guardFilter, type OnGuardedFailure } from '#wasm/guarded-filter.ts';
import { guestLimits } from '#wasm/guest-limits.ts';
import type { FromWorker, ModuleSource, SnapshotSource, ToWorker } from './ipc.ts';
import { LoopDelay } from './loop-delay.ts';
import { ModuleFailed, makeModule } from './module-failed.ts';
import { moduleFailures } from './module-failures.ts';
import { unpackBlocks } from './packed-blocks.ts';
import { WorkerParts } from './worker-parts.ts';
import { WorkerServices } from './worker-services.ts';

/** How often counters are pushed, so that little is lost when the worker dies. */
const pushMetricsMs = 1_000;
/** At most one line a second says that a module fails; the counter has them all. */
const failureReportMs = 1_000;

type Prepared = Awaited<ReturnType<WorkerProxy['prepare']>>;

/**
 * Small buffers are cut from slabs of this size. With Node's own 8 KB every few requests need a slab, and
 * each is memory outside V8's heap, whose growth is what makes it collect (`docs/decisions/buffers.md`).
 */
const bufferSlabBytes = 65_536;

export function runWorker(): void {
  Buffer.poolSize = bufferSlabBytes;
  const worker = new Worker();
  let queue = Promise.resolve();
  process.on('message', (message) => {
    // What others share depends on nothing else, and must not wait while a change is prepared.
    if (worker.takeShared(message as ToWorker)) return;
    queue = queue.then(() => worker.handle(message as ToWorker));
  });
  process.on('disconnect', () => void worker.end());
  // Ctrl-C reaches the whole process group; ending is the supervisor's decision.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}

class Worker {
  readonly #registry = new MetricRegistry();
  readonly #modules = new Map<string, Filter>();
  /** Of `#modules`, those that requests are given to. */
  #committed: ReadonlyMap<string, Filter> = new Map();
  #services: WorkerServices | null = null;
  #parts: WorkerParts | null = null;
  #proxy: WorkerProxy | null = null;
  #prepared: Prepared | null = null;

  async handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'start':
        return this.#start(message);
      case 'prepare':
        return this.#reply(message.id, async () => {
          this.#drop();
          this.#prepared = await this.#live().prepare(await this.#source(message.snapshot));
        });
      case 'commit':
        return this.#reply(message.id, async () => {
          const prepared = this.#prepared;
          assert(
            prepared?.snapshot.generation === message.generation,
            'commit follows its prepare',
          );
          this.#prepared = null;
          this.#live().commit(prepared);
          this.#committed = prepared.source.modules;
          this.#forgetModules();
          this.#services?.follow(prepared.source.config);
          this.#parts?.follow(prepared.source.config);
        });
      case 'abandon':
        return this.#reply(message.id, async () => this.#drop());
      case 'blocks':
        return this.#reply(message.id, async () => {
          const { version, add, remove } = message;
          this.#live().applyBlocks(version, unpackBlocks(add), remove);
        });
      case 'ticket-keys':
        return this.#reply(message.id, async () => {
          this.#live().setTicketKeys(Buffer.from(message.keys));
        });
      case 'challenge-keys':
        return this.#reply(message.id, async () => this.#live().setChallengeKeys(message.keys));
      case 'challenges':
        return this.#reply(message.id, async () => this.#live().setChallenges(message.challenges));
      case 'shared':
        this.takeShared(message);
        return;
      case 'part':
        this.#parts?.take(message.message);
        return;
      case 'metrics':
        send({ kind: 'metrics', id: message.id, samples: this.#samples() });
        return;
      case 'handshakes': {
        const handshakes = this.#live().handshakes(message.targets);
        send({ kind: 'handshakes', id: message.id, handshakes });
        return;
      }
      case 'drain':
        // Not awaited: metrics and block changes still arrive while connections finish.
        void this.#drain(message.graceMs, message.idleMs);
        return;
      default:
        unreachable(message);
    }
  }

  /** False where it is another message, or the worker has not begun to start. */
  takeShared(message: ToWorker): boolean {
    if (message.kind !== 'shared' || this.#services === null) return false;
    this.#services.applyShared(message.batch);
    return true;
  }

  async end(): Promise<void> {
    await this.#proxy?.drain(5_000, 0);
    process.exit(0);
  }

  async #start(message: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
    try {
      const { config } = message.snapshot;
      this.#services = new WorkerServices({
        registry: this.#registry,
        slot: message.slot,
        logLevel: config.log.level,
        hashKey: message.hashKey,
        sendBlock: (order) => send({ kind: 'block', order }),
        postShared: (batch, done) => send({ kind: 'shared', batch }, done),
      });
      this.#services.follow(config);
      new LoopDelay(this.#registry, message.slot);
      const rates = new RateGate(this.#services.host, new RateMetrics(this.#registry));
      const parts = new WorkerParts({
        slot: message.slot,
        log: createLog(config.log.level, 'worker'),
        registry: this.#registry,
        check: (request) => this.#live().check(request),
        ...{ rates, stores: this.#services.host },
        send: (said) => send({ kind: 'part', message: said }),
      });
      parts.follow(config);
      this.#parts = parts;
      const source = await this.#source(message.snapshot);
      this.#committed = source.modules;
      const proxy = await WorkerProxy.create(
        source,
        message.workers,
        Buffer.from(message.ticketKeys),
        this.#registry,
        (part, reason) => send({ kind: 'degraded', part, reason }),
        (change) => send({ kind: 'server', change }),
        parts.observers,
        rates,
      );
      proxy.applyBlocks(message.blocks.version, message.blocks.items, []);
      proxy.setChallenges(message.challenges);
      proxy.setChallengeKeys(message.challengeKeys);
      this.#proxy = proxy;
      const addresses = await proxy.listen(message.addresses, message.descriptors);
      send({ kind: 'listening', addresses });
      // A worker is ended from outside, when nothing is written any more.
      flushCompileCache();
      setInterval(() => {
        send({ kind: 'metrics', id: null, samples: this.#samples() });
        const hits = proxy.takeBlockHits();
        if (hits.length > 0) send({ kind: 'block-hits', hits });
      }, pushMetricsMs).unref();
    } catch (error) {
      send({ kind: 'failed', reason: describeError(error) });
    }
  }

  async #drain(graceMs: number, idleMs: number): Promise<void> {
    await this.#proxy?.drain(graceMs, idleMs);
    this.#parts?.flush();
    send({ kind: 'metrics', id: null, samples: this.#samples() });
    send({ kind: 'drained' });
  }

  async #source(snapshot: SnapshotSource): Promise<WorkerSource> {
    const limits = guestLimits(snapshot.config);
    const services = this.#services;
    assert(services !== null, 'the worker has services before it has modules');
    await services.prepare(snapshot.config);
    const modules = new Map<string, Filter>();
    for (const source of snapshot.modules) {
      // A module that has not changed keeps its instance.
      const key = JSON.stringify([{ ...source, bytes: null }, limits]);
      const live =
        this.#modules.get(key) ??
        guardFilter(
          source,
          (report) =>
            makeModule(source.sha256, () => compileFilter(source, limits, services.host, report)),
          this.#failureReporter(source),
        );
      this.#modules.set(key, live);
      modules.set(source.name, live);
    }
    for (const filter of this.#parts?.filters(snapshot.config) ?? [])
      modules.set(filter.name, filter);
    return {
      generation: snapshot.generation,
      config: snapshot.config,
      certificates: snapshot.certificates,
      clientAuthorities: snapshot.clientAuthorities,
      upstreamFiles: snapshot.upstreamFiles,
      awaitedNames: snapshot.awaitedNames,
      modules,
    };
  }

  #forgetModules(): void {
    const live = new Set(this.#committed.values());
    for (const [key, module] of this.#modules) {
      if (live.has(module)) continue;
      this.#modules.delete(key);
      module.close();
    }
  }

  /**
   * The supervisor hears of each failure that counts, which quarantine bounds, and of one a second of those
   * that a client can bring about as often as it likes.
   */
  #failureReporter({ name, sha256 }: ModuleSource): OnGuardedFailure {
    let lastAt = Number.NEGATIVE_INFINITY;
    return (reason, kind, isQuarantine, offsets) => {
      this.#countFailure({ module: name, version: sha256.slice(0, 12), kind });
      const isItsDoing = kind !== 'capacity';
      const now = performance.now();
      if (!isItsDoing && now - lastAt < failureReportMs) return;
      lastAt = now;
      send({
        kind: 'module-failure',
        failure: { name, sha256, reason, offsets, isItsDoing, isQuarantine },
      });
    };
  }

  #countFailure(labels: Readonly<Record<'module' | 'version' | 'kind', string>>): void {
    this.#registry.counter(moduleFailures.name, moduleFailures.help, labels).value++;
  }

  #samples(): MetricSamples {
    return this.#proxy?.samples() ?? new Map();
  }

  #drop(): void {
    if (this.#prepared !== null) this.#proxy?.abandon(this.#prepared);
    this.#prepared = null;
    // Those that were made for it; each holds a memory.
    this.#forgetModules();
  }

  #live(): WorkerProxy {
    assert(this.#proxy !== null, 'the worker has started');
    return this.#proxy;
  }

  async #reply(id: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      send({ kind: 'reply', id, error: null });
    } catch (error) {
      const failed = error instanceof ModuleFailed ? { failed: error.failed } : {};
      send({ kind: 'reply', id, error: describeError(error), ...failed });
    }
  }
}

/** False when the supervisor is gone: the channel closes first, `disconnect` then ends this process. */
function send(message: FromWorker, done: () => void = () => {}): boolean {
  if (process.connected) process.send?.(message, undefined, undefined, done);
  else done();
  return process.connected;
}
