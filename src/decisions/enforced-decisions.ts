/**
 * What of the fleet's decisions is in force at this member: those that keep out or watch, have not ended, and do
 * not hit what it lives by.
 *
 * Every change of the map goes through here and comes out as what is to be enforced and what no longer is.
 */
import { assert } from '#core/assert.ts';
import type { Decision } from './decision.ts';
import type { BatchRef, DecisionMap, Entry } from './decision-map.ts';
import { EndQueue } from './end-queue.ts';
import { ProtectedTargets } from './protected-targets.ts';

/** A decision in force here. */
export type FleetBlock = {
  readonly target: string;
  readonly action: 'drop' | 'monitor';
  readonly issuer: string;
  readonly atMs: number;
  readonly expiresAtMs: number;
  readonly reason: string;
  readonly origin: string;
};

/** What becomes of what is enforced; a target is in one of the two. */
export type Change = { readonly add: readonly FleetBlock[]; readonly remove: readonly string[] };

export class EnforcedDecisions {
  readonly #map: DecisionMap;
  readonly #protected: ProtectedTargets;
  readonly #ends = new EndQueue();
  /** By target, in the order of their numbers. Of a million, a block of each is made when it is asked for. */
  readonly #held = new Map<string, Entry>();
  #nextNumber = 1;
  /** Kept, and not enforced here. */
  readonly #spared = new Map<string, FleetBlock>();

  constructor(map: DecisionMap, protectedRanges: readonly string[]) {
    this.#map = map;
    this.#protected = new ProtectedTargets(protectedRanges);
  }

  get count(): number {
    return this.#held.size;
  }

  /** Decisions on what is protected here. */
  get spared(): ReadonlyMap<string, FleetBlock> {
    return this.#spared;
  }

  isProtected(target: string): boolean {
    return this.#protected.has(target);
  }

  find(target: string): FleetBlock | null {
    const entry = this.#held.get(target);
    return entry === undefined ? null : blockOf(entry);
  }

  *all(): Generator<FleetBlock> {
    for (const entry of this.#held.values()) yield blockOf(entry);
  }

  /** The next ones after a number, in the order they came into force here; `next` is null at the end. */
  page(
    after: number,
    limit: number,
  ): { readonly blocks: FleetBlock[]; readonly next: number | null } {
    const blocks: FleetBlock[] = [];
    let last = after;
    for (const entry of this.#held.values()) {
      if (entry.number <= after) continue;
      if (blocks.length === limit) return { blocks, next: last };
      blocks.push(blockOf(entry));
      last = entry.number;
    }
    return { blocks, next: null };
  }

  merge(decisions: readonly Decision[], batch: BatchRef, nowMs: number): Change {
    const add: FleetBlock[] = [];
    const remove: string[] = [];
    for (const decision of decisions) {
      if (!this.#map.merge(decision, batch)) continue;
      const { target } = decision;
      this.#ends.put(Math.min(decision.expiresAtMs, decision.shadowUntilMs), target);
      if (decision.shadowUntilMs > decision.expiresAtMs)
        this.#ends.put(decision.shadowUntilMs, target);
      this.#settle(target, nowMs, add, remove);
    }
    return { add, remove };
  }

  expire(nowMs: number): Change {
    const add: FleetBlock[] = [];
    const remove: string[] = [];
    for (;;) {
      const target = this.#ends.take(nowMs);
      if (target === null) break;
      this.#map.expire(target, nowMs);
      this.#settle(target, nowMs, add, remove);
    }
    if (this.#ends.size > 1_000 + this.#map.size * 3) this.#fillEnds();
    return { add, remove };
  }

  protect(ranges: readonly string[], nowMs: number): Change {
    this.#protected.set(ranges);
    const add: FleetBlock[] = [];
    const remove: string[] = [];
    for (const { decision } of this.#map.heads()) this.#settle(decision.target, nowMs, add, remove);
    return { add, remove };
  }

  /** Without what nobody is to believe any more. */
  drop(isOut: (entry: Entry) => boolean, nowMs: number): Change {
    const add: FleetBlock[] = [];
    const remove: string[] = [];
    for (const target of this.#map.drop(isOut)) this.#settle(target, nowMs, add, remove);
    return { add, remove };
  }

  #settle(target: string, nowMs: number, add: FleetBlock[], remove: string[]): void {
    const before = this.#held.get(target);
    const entry = this.#map.find(target);
    const isInForce = entry !== null && holds(entry.decision, nowMs);
    const isSpared = isInForce && entry.decision.action === 'drop' && this.#protected.has(target);
    if (isSpared) this.#spared.set(target, blockOf(entry));
    else this.#spared.delete(target);
    if (isInForce && !isSpared) {
      if (before === entry) return;
      entry.number = this.#nextNumber++;
      this.#held.delete(target);
      this.#held.set(target, entry);
      add.push(blockOf(entry));
      return;
    }
    if (before === undefined) return;
    this.#held.delete(target);
    remove.push(target);
  }

  #fillEnds(): void {
    this.#ends.clear();
    for (const { decision } of this.#map.entries()) {
      this.#ends.put(decision.expiresAtMs, decision.target);
      this.#ends.put(decision.shadowUntilMs, decision.target);
    }
  }
}

const holds = ({ action, expiresAtMs }: Decision, nowMs: number): boolean =>
  action !== 'clear' && expiresAtMs > nowMs;

function blockOf({ decision, issuer }: Entry): FleetBlock {
  const { target, action, at, expiresAtMs, reason, origin } = decision;
  assert(action !== 'clear', 'a clear is not in force');
  return { target, action, issuer, atMs: at.ms, expiresAtMs, reason, origin };
}
