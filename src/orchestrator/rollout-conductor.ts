/**
 * Carries rollouts on, where this orchestrator leads.
 *
 * ```
 * API, reports of nodes ─► the next plan ─► written against the revision that was read ─► own disk ─► the set for nodes
 *                                               └ another one has written: read, and follow
 * ```
 *
 * The plan is in the bus under one key, signed, and on the disk of every orchestrator. Only who has written the plan
 * tells the nodes, so of two that both believe to lead one goes on and the other stops. Whoever leads next reads the
 * plan first, and goes on where it says. What the bus has lost is put there again from disk.
 */
import type { KeyObject } from 'node:crypto';
import { describeError, WeirError } from '#core/errors.ts';
import type { Trust } from '#decisions/trust.ts';
import type { Bus } from '#fleet/bus.ts';
import { KeyValue } from '#fleet/key-value.ts';
import { everyMember, memberOf, nodeSubject, ruleSetKey, rulesBucket } from '#fleet/subjects.ts';
import { type Blob, blobsOf, type Content } from '#rollout/content.ts';
import { parseReport } from '#rollout/node-report.ts';
import { ObjectStore } from '#rollout/object-store.ts';
import {
  emptyPlan,
  movingOf,
  type PlanContent,
  rolloutPlan,
  setOf,
  withRollout,
} from '#rollout/plan.ts';
import { differs, type NodeView, nextOf, resoaked } from '#rollout/progress.ts';
import type { Rollout } from '#rollout/rollout.ts';
import { ruleSet } from '#rollout/rule-set.ts';
import {
  type DocumentHead,
  documentBytesMax,
  encodeDocument,
  readDocument,
} from '#rollout/signed-document.ts';
import type { Logger } from '#telemetry/log.ts';
import type { LeaderLock } from './leader-lock.ts';
import type { NodeRegistry } from './node-registry.ts';
import { NodeReports } from './node-reports.ts';
import type { RolloutStore } from './rollout-store.ts';

const planKey = 'plan';
const tickMs = 500;
const tendMs = 10_000;

export type ConductorOptions = {
  readonly fleet: string;
  readonly self: string;
  readonly trust: Trust;
  readonly signingKey: KeyObject;
  readonly bus: Bus;
  readonly registry: NodeRegistry;
  readonly leader: LeaderLock;
  readonly store: RolloutStore;
  readonly log: Logger;
  readonly wallMs: () => number;
  readonly setProblem: (part: string, reason: string | null) => void;
};

export class RolloutConductor {
  readonly reports: NodeReports;
  /** Reports that were none, or not of whom they said. */
  refusedReports = 0;
  readonly counts = { started: 0, done: 0, stopped: 0 };
  readonly #options: ConductorOptions;
  readonly #keys: KeyValue;
  readonly #objects: ObjectStore;
  #plan: PlanContent = emptyPlan;
  #head: DocumentHead | null = null;
  /** Of the plan that this process has written last. */
  #writtenSequence = 0;
  /** Of the plan in the bus; null where there is none. */
  #revision: number | null = null;
  /** The plan was read since this one leads, and nobody else has written since. */
  #isReady = false;
  #tendedAtMs = 0;
  #work: Promise<unknown> = Promise.resolve();
  /** Why nothing moves; said once. */
  #problem: string | null = null;
  #isTicking = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ConductorOptions) {
    const { bus, fleet, store, wallMs, log } = options;
    this.#options = options;
    this.reports = new NodeReports(wallMs);
    this.#keys = new KeyValue(bus, rulesBucket(fleet));
    this.#objects = new ObjectStore(bus, rulesBucket(fleet));
    const kept = store.plan();
    const found = kept === null ? null : this.#read(kept);
    if (found !== null) this.#adopt(found);
    else if (kept !== null) log.warn('the kept plan of rollouts is not believed any more');
  }

  start(): void {
    const { bus, fleet, trust } = this.#options;
    bus.subscribe(nodeSubject(fleet, everyMember, 'rules'), ({ subject, bytes }) => {
      const from = memberOf(subject);
      const report = from === null ? null : parseReport(bytes, from);
      if (report === null || trust.member(report.node)?.role !== 'node') this.refusedReports++;
      else this.reports.note(report);
    });
    // What is published there is a hint: one that lost against another was heard as well.
    bus.subscribe(`$KV.${rulesBucket(fleet)}.${planKey}`, () => void this.#follow());
    bus.onEvent((event) => {
      // A server that comes back may have come back without what it had.
      if (event === 'disconnected') this.#isReady = false;
      if (event === 'connected') void this.#follow();
    });
    this.#timer = setInterval(() => void this.#tick(), tickMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#work.catch(() => {});
  }

  get plan(): PlanContent {
    return this.#plan;
  }

  /** Of the plan; 0 before the first. */
  get sequence(): number {
    return this.#head?.sequence ?? 0;
  }

  /** Throws NOT_LEADER, FLEET_BUS_FAILED: of rollouts nobody decides but who leads, and writes. */
  checkLeads(): void {
    const { leader, self, bus } = this.#options;
    if (leader.isLeader) return;
    if (leader.leader !== null)
      throw new WeirError('NOT_LEADER', `${leader.leader.id} leads, and this is ${self}`, {
        details: [`call ${leader.leader.address} on its machine`],
      });
    throw new WeirError(
      'FLEET_BUS_FAILED',
      `nobody leads this fleet now, and a rollout is one leader's work: ${bus.reason ?? 'the lock is not taken yet'}`,
    );
  }

  /** `next` says what is to become of the plan, as it is when it is its turn; it may throw. */
  change(next: (plan: PlanContent) => Promise<Rollout> | Rollout): Promise<Rollout> {
    return this.#oneAtATime(async () => {
      this.checkLeads();
      await this.#ready();
      const changed = await next(this.#plan);
      await this.#commit(withRollout(this.#plan, changed));
      return changed;
    });
  }

  /** Where every node can have it, before any of them is told. */
  async send(content: Content): Promise<void> {
    await this.#objects.ensure();
    for (const blob of blobsOf(content)) await this.#sendBlob(blob);
  }

  nodeViews(rollout: Pick<Rollout, 'kind' | 'name' | 'id'>): NodeView[] {
    const { registry } = this.#options;
    return registry.list().map(({ id, state, hello }) => {
      const report = this.reports.latest(id);
      const item = report?.items.find(
        (one) =>
          one.kind === rollout.kind && one.name === rollout.name && one.rollout === rollout.id,
      );
      const isUp = state === 'registered' || state === 'active';
      const ending = state === 'draining' || state === 'terminating' ? 'leaving' : 'gone';
      return {
        id,
        tags: hello.tags,
        life: isUp ? (report === null ? 'silent' : 'there') : state === 'dead' ? 'dead' : ending,
        item: item ?? null,
        healthSince: (atMs) => this.reports.healthSince(id, atMs),
        healthNow: () => this.reports.healthNow(id),
      };
    });
  }

  // ── leading ───────────────────────────────────────────────────────────────────────────────────────

  async #tick(): Promise<void> {
    const { leader, bus, setProblem, wallMs } = this.#options;
    if (!leader.isLeader) this.#isReady = false;
    if (this.#isTicking || this.#isClosed || !leader.isLeader || bus.state !== 'connected') return;
    this.#isTicking = true;
    try {
      await this.#oneAtATime(async () => {
        await this.#ready();
        const moving = movingOf(this.#plan);
        if (moving !== null) {
          const fleet = { nowMs: wallMs(), nodes: this.nodeViews(moving) };
          const next = nextOf(moving, fleet);
          if (differs(moving, next)) await this.#commit(withRollout(this.#plan, next));
        }
        if (wallMs() - this.#tendedAtMs > tendMs) await this.#tend();
      });
      this.#problem = null;
    } catch (error) {
      this.#isReady = false;
      const reason = describeError(error);
      if (reason !== this.#problem) this.#options.log.warn({ reason }, 'rollouts do not go on');
      this.#problem = reason;
    } finally {
      setProblem('rollouts', this.#problem);
      this.#isTicking = false;
    }
  }

  /** Reads what there is before the first word as the leader. */
  async #ready(): Promise<void> {
    if (this.#isReady) return;
    await this.#keys.ensure(0, documentBytesMax + 65_536);
    await this.#readPlan();
    this.#isReady = true;
    this.#tendedAtMs = 0;
    const moving = movingOf(this.#plan);
    const { wallMs, self } = this.#options;
    if (moving === null || this.sequence === this.#writtenSequence) return;
    const next = resoaked(moving, wallMs(), self);
    if (next !== moving) await this.#commit(withRollout(this.#plan, next));
  }

  async #commit(next: PlanContent): Promise<void> {
    const { fleet, self, signingKey, wallMs, store, log } = this.#options;
    const issuedAtMs = wallMs();
    const sequence = Math.max(this.sequence + 1, issuedAtMs);
    const head: DocumentHead = { v: 1, fleet, issuer: self, sequence, issuedAtMs };
    const bytes = encodeDocument('rollout-plan', Object.assign({}, head, next), signingKey);
    if (bytes.length > documentBytesMax)
      throw new WeirError(
        'ROLLOUT_INVALID',
        `the plan of rollouts would have ${bytes.length} bytes, and ${documentBytesMax} is the most`,
      );
    const revision =
      this.#revision === null
        ? await this.#keys.create(planKey, bytes)
        : await this.#keys.update(planKey, bytes, this.#revision);
    if (revision === null) {
      this.#isReady = false;
      throw new WeirError('NOT_LEADER', 'another orchestrator has written the plan meanwhile', {
        details: ['look at "weir rollout list", and say it again'],
      });
    }
    this.#noteEnds(next);
    this.#revision = revision;
    this.#writtenSequence = sequence;
    store.putPlan(bytes);
    this.#plan = next;
    this.#head = head;
    for (const one of next.rollouts.slice(0, 1))
      log.info({ rollout: one.id, state: one.state, said: one.steps.at(-1)?.text }, 'rollout');
    await this.#tellNodes();
  }

  #noteEnds(next: PlanContent): void {
    for (const { id, state } of next.rollouts) {
      const before = this.#plan.rollouts.find((one) => one.id === id);
      if (before === undefined) this.counts.started++;
      if (before?.state === state) continue;
      if (state === 'done') this.counts.done++;
      if (state === 'rolling-back') this.counts.stopped++;
    }
  }

  /** The set of the plan that is written. One that is newer is left there: its plan will be read. */
  async #tellNodes(): Promise<void> {
    const { signingKey } = this.#options;
    if (this.#head === null) return;
    const entry = await this.#keys.get(ruleSetKey);
    const there = entry === null ? null : this.#readSet(entry.bytes);
    if (there !== null && there.sequence >= this.#head.sequence) return;
    // In our own name, whoever wrote the plan.
    const { self, wallMs } = this.#options;
    const head = { ...this.#head, issuer: self, issuedAtMs: wallMs() };
    const bytes = encodeDocument('rule-set', setOf(this.#plan, head), signingKey);
    if (entry === null) await this.#keys.create(ruleSetKey, bytes);
    else await this.#keys.update(ruleSetKey, bytes, entry.revision);
  }

  /** What the bus should have and has not. */
  async #tend(): Promise<void> {
    const { wallMs, store, registry } = this.#options;
    this.#tendedAtMs = wallMs();
    this.reports.forget((node) => registry.find(node) !== null);
    if (this.#head === null) return;
    const entry = await this.#keys.get(planKey);
    const there = entry === null ? null : this.#read(entry.bytes);
    if (there === null || there.sequence < this.#head.sequence) {
      this.#revision = entry?.revision ?? null;
      await this.#commit(this.#plan);
    }
    await this.#tellNodes();
    const needed = this.#contents();
    await this.#objects.ensure();
    for (const blob of needed.flatMap(blobsOf)) {
      if (await this.#objects.has(blob)) continue;
      const isHere = (await store.read(blob)) !== null;
      if (isHere) await this.#sendBlob(blob);
    }
    for (const { sha256 } of await store.collect(needed)) await this.#objects.remove(sha256);
  }

  #contents(): Content[] {
    const { settled, rollouts } = this.#plan;
    const moving = movingOf(this.#plan);
    return [
      ...settled.map((item) => item.content),
      ...(moving === null ? [] : [moving.content, moving.before?.content ?? null]),
      // A rollback of the newest wants what was before it.
      ...rollouts.map(({ before }) => before?.content ?? null),
    ].filter((one) => one !== null);
  }

  async #sendBlob(blob: Blob): Promise<void> {
    const bytes = await this.#options.store.read(blob);
    if (bytes === null)
      throw new WeirError(
        'CONTENT_UNKNOWN',
        `the bytes of ${blob.sha256} are not here; upload them`,
      );
    await this.#objects.put(blob.sha256, bytes);
  }

  // ── following ─────────────────────────────────────────────────────────────────────────────────────

  async #follow(): Promise<void> {
    // Who leads has written it.
    if (this.#isClosed || this.#isReady) return;
    try {
      await this.#oneAtATime(async () => {
        if (!this.#isReady) await this.#readPlan();
      });
    } catch (error) {
      this.#options.log.debug({ reason: describeError(error) }, 'no plan of rollouts heard');
    }
  }

  async #readPlan(): Promise<void> {
    const { store } = this.#options;
    const entry = await this.#keys.get(planKey);
    this.#revision = entry?.revision ?? null;
    if (entry === null) return;
    const found = this.#read(entry.bytes);
    if (found === null || found.sequence <= this.sequence) return;
    store.putPlan(entry.bytes);
    this.#adopt(found);
    await this.#fetchContents();
  }

  /** So that this one could fill the bus again. */
  async #fetchContents(): Promise<void> {
    const { store, log } = this.#options;
    for (const blob of this.#contents().flatMap(blobsOf)) {
      if ((await store.read(blob)) !== null) continue;
      const bytes = await this.#objects.get(blob).catch(() => null);
      if (bytes === null) log.warn({ sha256: blob.sha256 }, 'bytes of a rollout are not to be had');
      else await store.keep(bytes);
    }
  }

  #adopt({
    rollouts,
    settled,
    v,
    fleet,
    issuer,
    sequence,
    issuedAtMs,
  }: PlanContent & DocumentHead) {
    this.#plan = { rollouts, settled };
    this.#head = { v, fleet, issuer, sequence, issuedAtMs };
  }

  #read(bytes: Uint8Array) {
    const found = readDocument('rollout-plan', rolloutPlan, bytes, this.#terms);
    return found.ok ? found.body : null;
  }

  #readSet(bytes: Uint8Array) {
    const found = readDocument('rule-set', ruleSet, bytes, this.#terms);
    return found.ok ? found.body : null;
  }

  get #terms() {
    const { fleet, trust, wallMs } = this.#options;
    return { fleet, trust, nowMs: wallMs() };
  }

  #oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => {});
    return result;
  }
}
