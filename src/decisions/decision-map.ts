/**
 * The decisions of a fleet in memory: a map that comes out the same in whatever order, and however often, its
 * decisions arrive.
 *
 * ```
 * target ─► [ newest, …, oldest ]      the first says what holds; one behind it is kept only while it would
 *                                      outlast all before it
 * ```
 *
 * A decision goes when another is newer, over (at, issuer), and stands in the way at least as long: from then on
 * there is no moment at which it could count. So what is left is the set of those that no other outdoes, which does
 * not depend on the order; and at each moment the newest one whose shadow has not ended speaks. An issuer
 * that says two things at one time is not believed more than one that does not: the order goes on over what is
 * said.
 */
import { compareTimes, type Decision } from './decision.ts';
import {
  bucketOf,
  type DecisionDigest,
  DigestSums,
  digestBuckets,
  hashText,
} from './decision-digest.ts';

/** Where a decision is kept; its owner counts how many of a batch are left. */
export type BatchRef = {
  readonly issuer: string;
  readonly sequence: number;
  /** Of its bytes. */
  readonly digest: string;
  /** Decisions in it. */
  readonly count: number;
  /** Of them, in the map. */
  live: number;
};

export type Entry = {
  readonly decision: Decision;
  readonly issuer: string;
  /** 64 bits of its hash; here and not in an object of their own, as there may be a million. */
  readonly high: number;
  readonly low: number;
  batch: BatchRef;
  /** Its place in the order things came into force (`enforced-decisions.ts`); 0 before. */
  number: number;
};

/** Entries of all targets, tombstones and those behind another among them. */
export const decisionEntriesMax = 1_000_000;

export class DecisionMap {
  readonly #buckets: readonly Map<string, Entry[]>[] = Array.from(
    { length: digestBuckets },
    () => new Map<string, Entry[]>(),
  );
  readonly #sums = new DigestSums();
  readonly #onSpent: (batch: BatchRef) => void;
  #size = 0;

  /** `onSpent` is told of a batch of which nothing is left. */
  constructor(onSpent: (batch: BatchRef) => void = () => {}) {
    this.#onSpent = onSpent;
  }

  /** Entries, which are at least as many as targets. */
  get size(): number {
    return this.#size;
  }

  /** What says what holds for a target, or stands in the way; null for none. */
  find(target: string): Entry | null {
    return this.#buckets[bucketOf(target)]?.get(target)?.[0] ?? null;
  }

  /** Until when something of this target stands in the way; 0 for nothing. */
  shadowOf(target: string): number {
    return this.#buckets[bucketOf(target)]?.get(target)?.at(-1)?.decision.shadowUntilMs ?? 0;
  }

  /** Whether `merge` would change anything. */
  takes(decision: Decision, issuer: string, sequence: number): boolean {
    const chain = this.#buckets[bucketOf(decision.target)]?.get(decision.target);
    if (chain === undefined) return true;
    for (const known of chain) {
      const order = compareOrder(known, { decision, issuer });
      if (order === 0) return known.batch.sequence < sequence;
      if (order > 0 && known.decision.shadowUntilMs >= decision.shadowUntilMs) return false;
    }
    return true;
  }

  /** False when it changes nothing. */
  merge(decision: Decision, batch: BatchRef): boolean {
    const { issuer } = batch;
    const { target, shadowUntilMs } = decision;
    const bucket = bucketOf(target);
    const targets = this.#buckets[bucket] as Map<string, Entry[]>;
    const chain = targets.get(target);
    if (chain === undefined) {
      const entry = entryOf(decision, batch);
      targets.set(target, [entry]);
      this.#count(bucket, entry, 1);
      return true;
    }
    let place = chain.length;
    for (const [index, known] of chain.entries()) {
      const order = compareOrder(known, { decision, issuer });
      if (order === 0) return this.#moveTo(known, batch);
      if (order > 0 && known.decision.shadowUntilMs >= shadowUntilMs) return false;
      if (order < 0) {
        place = index;
        break;
      }
    }
    let outdone = place;
    for (; outdone < chain.length; outdone++) {
      const older = chain[outdone] as Entry;
      if (older.decision.shadowUntilMs > shadowUntilMs) break;
      this.#count(bucket, older, -1);
    }
    const entry = entryOf(decision, batch);
    chain.splice(place, outdone - place, entry);
    this.#count(bucket, entry, 1);
    return true;
  }

  /** Takes out what of a target no longer stands in the way. */
  expire(target: string, nowMs: number): void {
    const bucket = bucketOf(target);
    const targets = this.#buckets[bucket] as Map<string, Entry[]>;
    const chain = targets.get(target);
    if (chain === undefined) return;
    // Each one outlasts those before it, so those that have ended are at the front.
    let ended = 0;
    for (const entry of chain) {
      if (entry.decision.shadowUntilMs > nowMs) break;
      this.#count(bucket, entry, -1);
      ended++;
    }
    if (ended === chain.length) targets.delete(target);
    else chain.splice(0, ended);
  }

  /** Takes out what nobody is to believe any more; the targets it changes something for. */
  drop(isOut: (entry: Entry) => boolean): string[] {
    const changed: string[] = [];
    for (const [bucket, targets] of this.#buckets.entries())
      for (const [target, chain] of targets) {
        const kept = chain.filter((entry) => !isOut(entry));
        if (kept.length === chain.length) continue;
        for (const entry of chain) if (!kept.includes(entry)) this.#count(bucket, entry, -1);
        if (kept.length === 0) targets.delete(target);
        else targets.set(target, kept);
        changed.push(target);
      }
    return changed;
  }

  digest(): DecisionDigest {
    return this.#sums.digest();
  }

  /** All entries of some buckets. */
  *entries(buckets: Iterable<number> = this.#buckets.keys()): Generator<Entry> {
    for (const bucket of buckets)
      for (const chain of this.#buckets[bucket]?.values() ?? []) yield* chain;
  }

  /** The first entry of every target. */
  *heads(): Generator<Entry> {
    for (const targets of this.#buckets)
      for (const chain of targets.values()) yield chain[0] as Entry;
  }

  /** The same was issued again: the newer batch keeps it, so that the older one may go. */
  #moveTo(entry: Entry, batch: BatchRef): boolean {
    if (batch.sequence <= entry.batch.sequence) return false;
    this.#countLive(entry.batch, -1);
    this.#countLive(batch, 1);
    entry.batch = batch;
    return true;
  }

  #countLive(batch: BatchRef, change: 1 | -1): void {
    batch.live += change;
    if (batch.live === 0) this.#onSpent(batch);
  }

  #count(bucket: number, entry: Entry, change: 1 | -1): void {
    this.#size += change;
    this.#countLive(entry.batch, change);
    this.#sums.toggle(bucket, entry, change);
  }
}

type Ordered = { readonly decision: Decision; readonly issuer: string };

/** Above 0 where `a` is the newer one; 0 only for the same thing said by the same member. */
export function compareOrder(a: Ordered, b: Ordered): number {
  const times = compareTimes(a.decision.at, b.decision.at);
  if (times !== 0) return times;
  if (a.issuer !== b.issuer) return a.issuer < b.issuer ? -1 : 1;
  const one = textOf(a.decision);
  const other = textOf(b.decision);
  return one === other ? 0 : one < other ? -1 : 1;
}

type Tail = Pick<Decision, 'action' | 'expiresAtMs' | 'shadowUntilMs' | 'reason' | 'origin'>;

function textOf(decision: Decision): string {
  if (lastTail !== null && hasTail(decision, lastTail)) return lastText;
  const { action, expiresAtMs, shadowUntilMs, reason, origin } = decision;
  lastTail = { action, expiresAtMs, shadowUntilMs, reason, origin };
  lastText = JSON.stringify([action, expiresAtMs, shadowUntilMs, reason, origin]);
  return lastText;
}

/** What an import says of a hundred thousand targets is one thing. */
let lastTail: Tail | null = null;
let lastText = '';

const hasTail = (decision: Decision, tail: Tail): boolean =>
  decision.action === tail.action &&
  decision.expiresAtMs === tail.expiresAtMs &&
  decision.shadowUntilMs === tail.shadowUntilMs &&
  decision.reason === tail.reason &&
  decision.origin === tail.origin;

function entryOf(decision: Decision, batch: BatchRef): Entry {
  const { issuer } = batch;
  const { target, at } = decision;
  const { high, low } = hashText(`${issuer} ${target} ${at.ms} ${at.counter} ${textOf(decision)}`);
  return { decision, issuer, high, low, batch, number: 0 };
}
