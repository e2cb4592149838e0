/**
 * The rules of the fleet on this node: the newest signed set is taken, kept, and what it wants is made so, one thing
 * after another; each report says what runs.
 *
 * ```
 * bus: a hint, a connection, each half minute ─► the set ─► signed? allowed? newer? ─► on disk ─► reconcile ─► report
 *                                                                                        ▲           │
 *                                                             a start without a bus ─────┘           └─ later again
 * ```
 *
 * What is refused once is not tried again until another rollout says it. What cannot be had now (no bus, a load
 * under way) is tried again with growing waits. A module that fails here goes into quarantine as any other, and
 * is reported; nobody brings it back but a new rollout, or a person at the node.
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { Trust } from '#decisions/trust.ts';
import type { Bus } from '#fleet/bus.ts';
import { KeyValue } from '#fleet/key-value.ts';
import { nodeSubject, ruleSetKey, rulesBucket } from '#fleet/subjects.ts';
import type { HealthSample } from '#rollout/health.ts';
import {
  type ItemState,
  type NodeReport,
  type ReportItem,
  reasonCharactersMax,
} from '#rollout/node-report.ts';
import { ObjectStore } from '#rollout/object-store.ts';
import { itemKey, type RuleSet, ruleSet, type SetItem, wantedOf } from '#rollout/rule-set.ts';
import { type DocumentRefusal, readDocument } from '#rollout/signed-document.ts';
import type { Logger } from '#telemetry/log.ts';
import { healthSampleOf } from './rollout-health.ts';
import { type RolloutHost, RuleApplier } from './rule-applier.ts';

const movingMs = 1_000;
const calmMs = 10_000;
/** A hint can be lost; the set is asked for this often while nothing moves, and more often while it does. */
const askCalmMs = 30_000;
const askMovingMs = 5_000;
const retryMinMs = 500;
const retryMaxMs = 30_000;
const degradedPart = 'fleet rules';

export type NodeRolloutOptions = {
  readonly fleet: string;
  readonly self: string;
  readonly tags: readonly string[];
  readonly trust: Trust;
  readonly bus: Bus;
  readonly state: string;
  readonly host: RolloutHost;
  readonly now: () => number;
  readonly logger: Logger;
  readonly setDegraded: (part: string, reason: string | null) => void;
};

export type RuleCounts = {
  applied: number;
  refused: number;
  readonly refusedSets: ReadonlyMap<DocumentRefusal | 'replayed', number>;
};

type Outcome = { readonly state: ItemState; readonly reason: string };

export class NodeRollout {
  readonly #options: NodeRolloutOptions;
  readonly #applier: RuleApplier;
  readonly #keys: KeyValue;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #refusedSets = new Map<DocumentRefusal | 'replayed', number>();
  #set: RuleSet | null;
  #applied = 0;
  #refused = 0;
  #asked: NodeJS.Timeout | null = null;
  #reporting: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #retryMs = retryMinMs;
  #turn: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #isClosed = false;

  /** Throws STATE_UNUSABLE. */
  constructor(options: NodeRolloutOptions) {
    const { bus, fleet, state, host } = options;
    this.#options = options;
    const objects = new ObjectStore(bus, rulesBucket(fleet));
    this.#applier = new RuleApplier(state, host, (blob) => objects.get(blob));
    this.#keys = new KeyValue(bus, rulesBucket(fleet));
    this.#set = this.#keptSet();
  }

  /** Before the bus opens. */
  start(): void {
    const { bus, fleet } = this.#options;
    // What is published there is a hint: one that lost against another was heard as well.
    bus.subscribe(`$KV.${rulesBucket(fleet)}.${ruleSetKey}`, () => void this.#ask());
    bus.onEvent((event) => {
      if (event !== 'connected' || this.#isClosed) return;
      void this.#ask();
      void this.#report();
      // What was to be fetched can be had now.
      this.#reconcile();
    });
    this.#reconcile();
    this.#askLater();
    this.#reportLater();
  }

  /** A change that is under way ends by itself: whoever closes may be what it waits for. */
  close(): void {
    this.#isClosed = true;
    for (const timer of [this.#asked, this.#reporting, this.#retry])
      if (timer !== null) clearTimeout(timer);
    this.#options.setDegraded(degradedPart, null);
  }

  get counts(): RuleCounts {
    return {
      applied: this.#applied,
      refused: this.#refused,
      refusedSets: this.#refusedSets,
    };
  }

  get sequence(): number {
    return this.#set?.sequence ?? 0;
  }

  items(): ReportItem[] {
    return (this.#set?.items ?? []).map((item) => {
      const { state, reason } = this.#outcomes.get(itemKey(item)) ?? {
        state: 'pending' as const,
        reason: '',
      };
      const { kind, name, rollout } = item;
      const running = this.#applier.running(item);
      return { kind, name, rollout, state, running, reason: reason.slice(0, reasonCharactersMax) };
    });
  }

  // ── the set ───────────────────────────────────────────────────────────────────────────────────────

  #read(bytes: Uint8Array) {
    const { fleet, trust, now } = this.#options;
    return readDocument('rule-set', ruleSet, bytes, { fleet, trust, nowMs: now() });
  }

  /** One whose signer is not believed any more binds nobody, and its sequence neither. */
  #keptSet(): RuleSet | null {
    const { set } = this.#applier.kept;
    if (set === null) return null;
    const found = this.#read(Buffer.from(set, 'base64'));
    if (found.ok) return found.body;
    this.#options.logger.warn({ reason: found.reason }, 'kept set of rules is not believed');
    return null;
  }

  async #ask(): Promise<void> {
    const { bus, logger } = this.#options;
    if (this.#isClosed || bus.state !== 'connected') return;
    try {
      const entry = await this.#keys.get(ruleSetKey);
      if (entry !== null && !this.#isClosed) await this.#take(entry.bytes);
    } catch (error) {
      // No JetStream, or none yet: what is kept holds.
      logger.debug({ reason: describeError(error) }, 'no set of rules heard');
    }
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const found = this.#read(bytes);
    if (!found.ok) {
      this.#noteRefusedSet(found.reason);
      return;
    }
    const { sequence } = found.body;
    if (sequence === this.sequence) return;
    if (sequence < this.sequence) {
      this.#noteRefusedSet('replayed');
      return;
    }
    // Durable first: after a restart an older one is still old.
    await this.#applier.keep({ set: Buffer.from(bytes).toString('base64') });
    if (sequence < this.sequence) return;
    this.#set = found.body;
    this.#options.logger.info({ sequence, issuer: found.body.issuer }, 'set of rules');
    const keys = new Set(found.body.items.map(itemKey));
    for (const key of this.#outcomes.keys()) if (!keys.has(key)) this.#outcomes.delete(key);
    this.#retryMs = retryMinMs;
    this.#askLater();
    this.#reportLater();
    this.#reconcile();
    // That it has it is news, also where nothing in it is.
    void this.#report();
  }

  #noteRefusedSet(reason: DocumentRefusal | 'replayed'): void {
    const before = this.#refusedSets.get(reason) ?? 0;
    this.#refusedSets.set(reason, before + 1);
    if (before === 0) this.#options.logger.warn({ reason }, 'set of rules refused');
  }

  // ── what it wants ─────────────────────────────────────────────────────────────────────────────────

  /** One turn at a time; what is asked for meanwhile is one turn more. */
  #reconcile(): void {
    if (this.#isWaiting || this.#isClosed) return;
    this.#isWaiting = true;
    this.#turn = this.#turn.then(async () => {
      this.#isWaiting = false;
      await this.#reconcileAll().catch((error: unknown) =>
        this.#options.logger.error({ reason: describeError(error) }, 'rules not reconciled'),
      );
    });
  }

  async #reconcileAll(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    // A policy may bring the very name that a module is for.
    const items = (this.#set?.items ?? []).toSorted((a, b) => (a.kind > b.kind ? -1 : 1));
    for (const item of items) {
      if (this.#isClosed) return;
      const key = itemKey(item);
      const before = this.#outcomes.get(key);
      const outcome = await this.#reconcileOne(item);
      this.#outcomes.set(key, outcome);
      if (before?.state !== outcome.state || before.reason !== outcome.reason) {
        this.#options.logger.info(
          { ...outcome, item: key, rollout: item.rollout },
          'rule of the fleet',
        );
        void this.#report();
      }
    }
    if (this.#isClosed) return;
    this.#sayDegraded();
    if ([...this.#outcomes.values()].some(({ state }) => state === 'pending')) this.#retryLater();
    else await this.#applier.collect(items);
  }

  async #reconcileOne(item: SetItem): Promise<Outcome> {
    const { self, tags, logger } = this.#options;
    const applier = this.#applier;
    const key = itemKey(item);
    const given = applier.kept.given[key];
    const wanted = wantedOf(item, self, tags, given?.rollout ?? null);
    if (wanted.what === 'held') return { state: 'held', reason: '' };
    try {
      if (wanted.what === 'own') {
        if (given === undefined) return { state: 'own', reason: '' };
        await applier.takeBack(item);
        this.#applied++;
        return { state: 'own', reason: '' };
      }
      const { sha256 } = wanted.content;
      const refused = applier.kept.refused[key];
      if (refused?.rollout === item.rollout && refused.sha256 === sha256)
        return { state: 'refused', reason: refused.reason };
      const running = applier.running(item);
      if (given?.sha256 === sha256 && given.rollout === item.rollout && running !== sha256) {
        const why = this.#whyDiffers(item, sha256);
        if (why !== null) return { state: 'differs', reason: why };
      }
      if (running !== sha256) {
        await applier.give(item, wanted.content);
        this.#applied++;
      } else if (given?.sha256 !== sha256 || given.rollout !== item.rollout)
        await applier.note(item, sha256);
      return { state: 'live', reason: '' };
    } catch (error) {
      const reason = describeError(error);
      if (wanted.what !== 'content' || !wanted.isNext || item.isTakenBack || mayPass(error))
        return { state: 'pending', reason };
      this.#refused++;
      logger.error({ item: key, rollout: item.rollout, reason }, 'rule of the fleet refused');
      await applier.refuse(item, wanted.content.sha256, reason.slice(0, reasonCharactersMax));
      return { state: 'refused', reason };
    }
  }

  /** Null where the file of the configuration came in between: there the fleet has the last word. */
  #whyDiffers({ kind, name }: SetItem, sha256: string): string | null {
    if (kind === 'policy') return null;
    const { live } = this.#options.host.modules();
    const entry = live.list().find((one) => one.name === name);
    if (entry === undefined) return `no module "${name}" in the configuration any more`;
    if (entry.state === 'live' && (entry.origin === 'config' || entry.origin === 'watch'))
      return null;
    const failed = live.store.history(name).find((one) => one.sha256 === sha256);
    return failed?.state === 'quarantined'
      ? `in quarantine: ${failed.error ?? 'it failed too often'}`
      : `changed at the node by hand (${entry.origin})`;
  }

  #sayDegraded(): void {
    const wrong = this.items().filter(({ state }) => !['live', 'own', 'held'].includes(state));
    const reason = wrong
      .map(({ kind, name, state, reason: why }) => `${kind} ${name} is ${state}: ${why}`)
      .join('; ');
    this.#options.setDegraded(degradedPart, wrong.length === 0 ? null : reason);
  }

  // ── reports ───────────────────────────────────────────────────────────────────────────────────────

  async #report(): Promise<void> {
    const { bus, fleet, self, now, host, logger } = this.#options;
    if (this.#isClosed || bus.state !== 'connected') return;
    try {
      const health: HealthSample | null = healthSampleOf(await host.samples());
      const modules = host.modules().live.list();
      const report: NodeReport = {
        ...{ v: 1, node: self, atMs: now(), startedAtMs: host.startedAtMs },
        sequence: this.sequence,
        modules: Object.fromEntries(
          modules.filter(({ state }) => state === 'live').map(({ name, sha256 }) => [name, sha256]),
        ),
        policies: Object.fromEntries(
          this.#applier.kept.policies.map(({ name, sha256 }) => [name, sha256]),
        ),
        ...{ items: this.items(), health },
      };
      if (this.#isClosed) return;
      bus.publish(nodeSubject(fleet, self, 'rules'), Buffer.from(JSON.stringify(report)));
    } catch (error) {
      logger.warn({ reason: describeError(error) }, 'no report of rules');
    }
  }

  #reportLater(): void {
    if (this.#isClosed) return;
    if (this.#reporting !== null) clearTimeout(this.#reporting);
    this.#reporting = setTimeout(
      () => {
        // Cheap where nothing is to be done: it sees what has changed at the node itself.
        if (this.#retry === null) this.#reconcile();
        void this.#report().finally(() => this.#reportLater());
      },
      this.#set?.isMoving === true ? movingMs : calmMs,
    ).unref();
  }

  #askLater(): void {
    if (this.#isClosed) return;
    if (this.#asked !== null) clearTimeout(this.#asked);
    const base = this.#set?.isMoving === true ? askMovingMs : askCalmMs;
    this.#asked = setTimeout(
      () => void this.#ask().finally(() => this.#askLater()),
      base * (0.8 + Math.random() * 0.4),
    ).unref();
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#reconcile();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, retryMaxMs);
  }
}

/** What says something of the moment, and not of what is to be run. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof WeirError)) return false;
  return (
    ['MODULE_BUSY', 'SHUTTING_DOWN', 'FLEET_BUS_FAILED', 'STATE_UNUSABLE'].includes(error.code) ||
    error.code === 'WORKER_TIMEOUT'
  );
}
