/**
 * Keeps the workers running and in step. It never touches a client's byte.
 *
 * Each slot holds one worker. A worker that ends is replaced, at once the first time, later when it
 * keeps ending. A change goes to all workers in two steps (prepare, commit), one change at a time; a
 * worker born between the two steps is brought in step before the change is called live. A new module
 * version is committed by one worker first, and by the others when it did not fail there (`module-trial.ts`).
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { AcmeChallengeSet } from '#proxy/acme-challenges.ts';
import type { BlockHit } from '#proxy/block-hits.ts';
import { type Handshakes, sumHandshakes } from '#proxy/listener/handshake-log.ts';
import type { Logger } from '#telemetry/log.ts';
import { type MetricSamples, mergeSamples } from '#telemetry/metrics.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import type { BlockItem, SnapshotSource } from './ipc.ts';
import type { ListeningSockets } from './listening-sockets.ts';
import { type ModuleFailure, ModuleTrial, type TrialTerms } from './module-trial.ts';
import type { NodeParts } from './node-parts.ts';
import { packBlocks } from './packed-blocks.ts';
import { RetiredCounters } from './retired-counters.ts';
import { ServerReasons } from './server-reasons.ts';
import { SharedHub, type SharedState } from './shared-hub.ts';
import { sharingNames } from './sharing-names.ts';
import { inheritedFrom, type Question, type Reply, WorkerProcess } from './worker-process.ts';
import {
  backOff,
  emptySlot,
  healthyMs,
  overloadOf,
  type Slot,
  type SlotStatus,
  silenceOf,
  slotStatus,
} from './worker-slot.ts';
import { WorkerWatch } from './worker-watch.ts';

/** Beyond the grace of a drain, the time a worker has to end by itself. */
const killAfterMs = 2_000;

type Running = { readonly slot: Slot; readonly worker: WorkerProcess };

export type SupervisorOptions = {
  readonly entry: string;
  readonly workers: number;
  readonly log: Logger;
  readonly ticketKeys: Uint8Array;
  readonly challengeKeys: readonly Uint8Array[];
  /** Null where this machine cannot hand sockets on: workers then bind for themselves. */
  readonly sockets: ListeningSockets | null;
  readonly gauges: ReadonlySet<string>;
  /** The block list as it stands, for a worker that starts. */
  readonly blocks: () => { readonly version: number; readonly items: readonly BlockItem[] };
  /** What modules shared in the process before this one; null where there was none. */
  readonly shared: SharedState | null;
  /** A module wants an address blocked. */
  readonly onBlock: (order: BlockOrder) => void;
  readonly onBlockHits: (hits: readonly BlockHit[]) => void;
  readonly parts: NodeParts;
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #degraded = new Map<string, string>();
  readonly serverReasons = new ServerReasons();
  #snapshot: SnapshotSource;
  #ticketKeys: Uint8Array;
  #challengeKeys: readonly Uint8Array[];
  #addresses: readonly string[];
  readonly #retired: RetiredCounters;
  #changes: Promise<unknown> = Promise.resolve();
  /** Snapshots one after another, trials included; what else changes does not wait for them. */
  #applying: Promise<unknown> = Promise.resolve();
  #trial: ModuleTrial | null = null;
  #challenges: AcmeChallengeSet = { http: [], tls: [] };
  #draining = false;
  #onAllGone: (() => void) | null = null;
  /** What modules of all workers share. */
  readonly hub: SharedHub;
  /** Replaces workers that hang. */
  readonly watch: WorkerWatch;
  restartsTotal = 0;
  onModuleFailure: ((failure: ModuleFailure) => void) | null = null;

  constructor(snapshot: SnapshotSource, options: SupervisorOptions) {
    this.#options = options;
    this.hub = new SharedHub(options.shared);
    this.#retired = new RetiredCounters(options.gauges);
    this.#snapshot = snapshot;
    this.#ticketKeys = options.ticketKeys;
    this.#challengeKeys = options.challengeKeys;
    this.#addresses =
      options.sockets?.listeners.map(({ address }) => address) ??
      snapshot.config.edge.listeners.map(({ address }) => address);
    this.#slots = Array.from({ length: options.workers }, (_, index) => emptySlot(index));
    this.watch = new WorkerWatch({
      ...{ slots: this.#slots, log: options.log },
      hangMs: () => this.#snapshot.config.edge.timeouts.workerHangMs,
      setDegraded: (part, reason) => this.setDegraded(part, reason),
      onHang: (reason) => options.parts.noteEvent('worker-replaced', reason),
    });
  }

  /** The first worker binds alone and so picks the ports; the others share them. */
  async start(): Promise<readonly string[]> {
    const [first, ...others] = this.#slots as [Slot, ...Slot[]];
    this.#addresses = await this.#startFirstTime(first);
    await Promise.all(others.map((slot) => this.#startFirstTime(slot)));
    this.watch.start();
    return this.#addresses;
  }

  get snapshot(): SnapshotSource {
    return this.#snapshot;
  }

  get shared(): SharedState {
    return this.hub.state();
  }

  get ticketKeys(): Uint8Array {
    return this.#ticketKeys;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** How many workers run what is live. */
  get workersLive(): number {
    return this.#slots.filter(({ generation }) => generation === this.#snapshot.generation).length;
  }

  get isReady(): boolean {
    return !this.#draining && this.#slots.every((slot) => slot.state === 'ready');
  }

  get degraded(): { part: string; reason: string }[] {
    return [...this.#degraded].map(([part, reason]) => ({ part, reason }));
  }

  setDegraded(part: string, reason: string | null): void {
    if (reason === null) this.#degraded.delete(part);
    else {
      if (this.#degraded.get(part) !== reason)
        this.#options.log.warn({ degraded: part, reason }, 'degraded');
      this.#degraded.set(part, reason);
    }
  }

  status(): SlotStatus[] {
    return this.#slots.map(slotStatus);
  }

  /**
   * Makes `next` live in every worker, or in none. Returns how many workers run it. With a trial one worker
   * runs it before the others do; block list and challenges change meanwhile as ever.
   */
  apply(next: SnapshotSource, terms: TrialTerms | null = null): Promise<number> {
    const result = this.#applying.then(async () => {
      const asked = await this.#oneAtATime(() => this.#prepare(next));
      const tried = terms === null ? null : await this.#tryOut(next, asked, terms);
      return this.#oneAtATime(() => this.#commitAll(next, asked, tried));
    });
    this.#applying = result.catch(() => {});
    return result;
  }

  async #prepare(next: SnapshotSource): Promise<readonly Running[]> {
    const asked = this.#workers();
    const results = await Promise.allSettled(
      asked.map(({ worker }) => worker.ask({ kind: 'prepare', snapshot: next })),
    );
    const refused = results.find(
      (result, index) => result.status === 'rejected' && this.#runs(asked[index]),
    );
    if (refused?.status === 'rejected') {
      await this.#everyone({ kind: 'abandon', generation: next.generation });
      throw refused.reason;
    }
    return asked;
  }

  /** Null where no worker can be spared; throws, with everything as it was, when the trial fails. */
  async #tryOut(
    next: SnapshotSource,
    asked: readonly Running[],
    terms: TrialTerms,
  ): Promise<Running | null> {
    const one = asked.find((running) => this.#runs(running) && running.slot.state === 'ready');
    if (one === undefined) return null;
    const trial = new ModuleTrial(one.worker.pid, terms);
    this.#trial = trial;
    try {
      await one.worker.ask({ kind: 'commit', generation: next.generation });
      one.slot.generation = next.generation;
      await trial.passed();
      return one;
    } catch (error) {
      await this.#oneAtATime(async () => {
        await this.#everyone({ kind: 'abandon', generation: next.generation });
        // What is live still is the snapshot before; a worker that ended has started with it.
        if (this.#runs(one)) await this.#commit(one, this.#snapshot, false);
      }).catch((reason: unknown) =>
        this.#options.log.error({ reason: describeError(reason) }, 'trial not withdrawn'),
      );
      if (this.#draining)
        throw new WeirError('SHUTTING_DOWN', 'the edge is draining and takes no changes');
      throw error;
    } finally {
      this.#trial = null;
    }
  }

  async #commitAll(
    next: SnapshotSource,
    asked: readonly Running[],
    tried: Running | null,
  ): Promise<number> {
    this.#snapshot = next;
    this.hub.retain(sharingNames(next.config));
    await Promise.all(
      this.#workers()
        .filter(({ worker }) => worker !== tried?.worker)
        .map((one) =>
          this.#commit(
            one,
            next,
            asked.some(({ worker }) => worker === one.worker),
          ),
        ),
    );
    return this.workersLive;
  }

  /** Returns how many workers enforce the change. */
  changeBlocks(
    version: number,
    add: readonly BlockItem[],
    remove: readonly string[],
  ): Promise<number> {
    return this.#oneAtATime(async () => {
      return this.#confirmed({ kind: 'blocks', version, add: packBlocks(add), remove });
    });
  }

  /** Returns how many workers make their tickets with the new keys. */
  changeTicketKeys(keys: Uint8Array): Promise<number> {
    return this.#oneAtATime(async () => {
      this.#ticketKeys = keys;
      const results = await this.#everyone({ kind: 'ticket-keys', keys });
      return results.filter(({ error }) => error === null).length;
    });
  }

  /** Returns how many workers sign challenges with the first of these. */
  changeChallengeKeys(keys: readonly Uint8Array[]): Promise<number> {
    return this.#oneAtATime(async () => {
      this.#challengeKeys = keys;
      return this.#confirmed({ kind: 'challenge-keys', keys });
    });
  }

  /** Returns how many workers answer a certificate authority with these. */
  setChallenges(challenges: AcmeChallengeSet): Promise<number> {
    return this.#oneAtATime(async () => {
      // First, so that a worker born meanwhile starts with them.
      this.#challenges = challenges;
      return this.#confirmed({ kind: 'challenges', challenges });
    });
  }

  /** How many workers have done it; one that refuses is an error, one that ended is not. */
  async #confirmed(question: Question): Promise<number> {
    const results = await this.#everyone(question);
    const refused = results.find(
      ({ error, slot, worker }) => error !== null && slot.worker === worker,
    );
    if (refused?.error) throw refused.error;
    return results.length;
  }

  /** Sums over all workers, those that have ended included. */
  async samples(): Promise<MetricSamples> {
    await this.#everyone({ kind: 'metrics' });
    for (const slot of this.#slots) this.setDegraded(...silenceOf(slot));
    return this.lastSamples();
  }

  lastSamples(): MetricSamples {
    return mergeSamples([
      this.#retired.samples,
      ...this.#workers().map(({ worker }) => worker.samples),
    ]);
  }

  /** Sums over the workers that answer, in the order of the targets. */
  async handshakes(targets: readonly string[]): Promise<Handshakes[]> {
    const all = await this.#everyone({ kind: 'handshakes', targets });
    const told = all.flatMap(({ reply }) => (Array.isArray(reply) ? [reply] : []));
    return sumHandshakes(targets.length, told);
  }

  /** Resolves when every worker has ended. */
  drain(graceMs: number, idleMs: number): Promise<void> {
    this.#draining = true;
    // Without a successor nobody would accept what the kernel still queued on them.
    this.#options.sockets?.close();
    return new Promise((resolve) => {
      this.#onAllGone = resolve;
      for (const slot of this.#slots) {
        if (slot.timer !== null) clearTimeout(slot.timer);
        const worker = slot.worker;
        if (worker === null) continue;
        slot.state = 'draining';
        worker.send({ kind: 'drain', graceMs, idleMs });
        slot.timer = setTimeout(() => worker.kill(), graceMs + killAfterMs);
      }
      this.#checkAllGone();
    });
  }

  killAll(): void {
    for (const { worker } of this.#workers()) worker.kill();
  }

  #startFirstTime(slot: Slot): Promise<readonly string[]> {
    return new Promise((resolve, reject) => this.#spawn(slot, { resolve, reject }));
  }

  #spawn(
    slot: Slot,
    first: {
      resolve: (addresses: readonly string[]) => void;
      reject: (error: Error) => void;
    } | null,
  ): void {
    const { log } = this.#options;
    slot.state = 'starting';
    slot.startedAt = performance.now();
    const sockets = this.#options.sockets?.descriptorsFor(slot.index) ?? null;
    const worker = new WorkerProcess(this.#options.entry, sockets ?? [], {
      onListening: (addresses) => {
        slot.state = 'ready';
        if (slot.generation === null) slot.generation = started.generation;
        log.info(
          { worker: worker.pid, slot: slot.index, generation: slot.generation },
          'worker ready',
        );
        setTimeout(() => this.#settle(slot, worker), healthyMs).unref();
        first?.resolve(addresses);
      },
      onFailed: (reason) => {
        log.error({ worker: worker.pid, slot: slot.index, reason }, 'worker cannot start');
        first?.reject(new WeirError('LISTEN_FAILED', reason));
        worker.kill();
      },
      onDegraded: (part, reason) =>
        this.setDegraded(part === 'overload' ? overloadOf(slot) : part, reason),
      onServerChange: (change) => {
        this.serverReasons.note(change);
        log[change.state === 'healthy' || change.state === 'starting' ? 'info' : 'warn'](
          { worker: worker.pid, ...change },
          'upstream server changed state',
        );
      },
      ...{ onBlock: this.#options.onBlock, onBlockHits: this.#options.onBlockHits },
      onModuleFailure: (failure) => {
        this.#trial?.noteFailure(worker.pid, failure);
        this.onModuleFailure?.(failure);
      },
      onShared: (batch) => this.hub.receive(slot.index, batch),
      onPart: (message) => this.#options.parts.receive(slot.index, message),
      onDrained: () => worker.kill(),
      onExit: (code, signal) => this.#onExit(slot, worker, code, signal, first?.reject ?? null),
    });
    const started = this.#snapshot;
    slot.worker = worker;
    slot.generation = null;
    worker.send({
      kind: 'start',
      slot: slot.index,
      workers: this.#options.workers,
      snapshot: started,
      addresses: this.#addresses,
      descriptors: sockets === null ? null : sockets.map((_, index) => inheritedFrom + index),
      ticketKeys: this.#ticketKeys,
      challengeKeys: this.#challengeKeys,
      blocks: this.#options.blocks(),
      challenges: this.#challenges,
      hashKey: this.hub.hashKey,
    });
    this.hub.join(slot.index, (batch, done) => worker.send({ kind: 'shared', batch }, done));
    this.#options.parts.join(slot.index, (message) => worker.send({ kind: 'part', message }));
  }

  #onExit(
    slot: Slot,
    worker: WorkerProcess,
    code: number | null,
    signal: string | null,
    reject: ((error: Error) => void) | null,
  ): void {
    slot.worker = null;
    slot.generation = null;
    this.#trial?.noteEnd(worker.pid, `it ended (${signal ?? `code ${code}`})`);
    this.hub.leave(slot.index);
    this.#options.parts.leave(slot.index);
    this.setDegraded(overloadOf(slot), null);
    this.#retired.add(worker.samples);
    reject?.(
      new WeirError(
        'WORKER_FAILED',
        `worker ${worker.pid} ended while starting (${signal ?? `code ${code}`})`,
      ),
    );
    if (this.#draining) {
      if (slot.timer !== null) clearTimeout(slot.timer);
      this.#checkAllGone();
      return;
    }
    if (reject !== null && slot.state === 'starting') return;
    backOff(slot);
    slot.restarts++;
    this.restartsTotal++;
    slot.state = 'backoff';
    this.#options.log.error(
      { worker: worker.pid, slot: slot.index, code, signal, againInMs: slot.backoffMs },
      'worker ended',
    );
    if (slot.backoffMs > 1_000)
      this.setDegraded(
        `worker ${slot.index}`,
        `keeps ending (${signal ?? `code ${code}`}); the log has its last words`,
      );
    slot.timer = setTimeout(() => this.#spawn(slot, null), slot.backoffMs);
  }

  /** Long enough without an end: the slot is well again. */
  #settle(slot: Slot, worker: WorkerProcess): void {
    if (slot.worker !== worker) return;
    slot.backoffMs = 0;
    this.setDegraded(`worker ${slot.index}`, null);
  }

  async #commit(one: Running, next: SnapshotSource, isPrepared: boolean): Promise<void> {
    try {
      if (!isPrepared) await one.worker.ask({ kind: 'prepare', snapshot: next });
      await one.worker.ask({ kind: 'commit', generation: next.generation });
      one.slot.generation = next.generation;
    } catch (error) {
      // Others are live with it already: this worker is replaced by one that starts with it.
      this.#options.log.error(
        { worker: one.worker.pid, reason: describeError(error) },
        'worker did not follow a change',
      );
      one.worker.kill();
    }
  }

  #workers(): Running[] {
    return this.#slots.flatMap((slot) =>
      slot.worker === null ? [] : [{ slot, worker: slot.worker }],
    );
  }

  /** A worker that ended meanwhile cannot refuse: its successor starts with what is live. */
  #runs(one: Running | undefined): boolean {
    return one !== undefined && one.slot.worker === one.worker;
  }

  #everyone(
    question: Question,
  ): Promise<{ slot: Slot; worker: WorkerProcess; error: Error | null; reply: Reply }[]> {
    return Promise.all(
      this.#workers().map(async ({ slot, worker }) => {
        try {
          return { slot, worker, error: null, reply: await worker.ask(question) };
        } catch (error) {
          return { slot, worker, error: error as Error, reply: null };
        }
      }),
    );
  }

  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      if (this.#draining)
        throw new WeirError('SHUTTING_DOWN', 'the edge is draining and takes no changes');
      return change();
    });
    this.#changes = result.catch(() => {});
    return result;
  }

  #checkAllGone(): void {
    if (this.#slots.every((slot) => slot.worker === null)) this.#onAllGone?.();
  }
}
