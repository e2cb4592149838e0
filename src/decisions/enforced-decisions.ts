/**
 * What of the fleet's decisions is in force at this member: those that keep out or watch, have not ended, and do
 * not hit what it lives by.
 *
 * Every change of the map goes through here and comes out as what is to be enforced and what no longer is.
 */
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
  /** By target, in the order of their numbers. */
  readonly #blocks = new Map<string, { readonly number: number; readonly block: FleetBlock }>();
  #nextNumber = 1;
  /** Kept, and not enforced here. */
  readonly #spared = new Map<string, FleetBlock>();

  constructor(map: DecisionMap, protectedRanges: readonly string[]) {
    this.#map = map;
    this.#protected = new ProtectedTargets(protectedRanges);
  }

  get count(): number {
    return this.#blocks.size;
  }

  /** Decisions on what is protected here. */
  get spared(): ReadonlyMap<string, FleetBlock> {
    return this.#spared;
  }

  isProtected(target: string): boolean {
    return this.#protected.has(target);
  }

  find(target: string): FleetBlock | null {
    return this.#blocks.get(target)?.block ?? null;
  }

  *all(): Generator<FleetBlock> {
    for (const { block } of this.#blocks.values()) yield block;
  }

  /** The next ones after a number, in the order they came into force here; `next` is null at the end. */
  page(
    after: number,
    limit: number,
  ): { readonly blocks: FleetBlock[]; readonly next: number | null } {
    const blocks: FleetBlock[] = [];
    let last = after;
    for (const { number, block } of this.#blocks.values()) {
      if (number <= after) continue;
      if (blocks.length === limit) return { blocks, next: last };
      blocks.push(block);
      last = number;
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

  #settle(target: string, nowMs: number, add: FleetBlock[], remove: string[]): void {
    const before = this.#blocks.get(target)?.block;
    const entry = this.#map.find(target);
    const block = entry === null ? null : blockOf(entry, nowMs);
    this.#spared.delete(target);
    if (block !== null && !(block.action === 'drop' && this.#protected.has(target))) {
      if (before !== undefined && isSame(before, block)) return;
      this.#blocks.delete(target);
      this.#blocks.set(target, { number: this.#nextNumber++, block });
      add.push(block);
      return;
    }
    if (block !== null) this.#spared.set(target, block);
    if (before === undefined) return;
    this.#blocks.delete(target);
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

function blockOf({ decision, issuer }: Entry, nowMs: number): FleetBlock | null {
  const { target, action, at, expiresAtMs, reason, origin } = decision;
  if (action === 'clear' || expiresAtMs <= nowMs) return null;
  return { target, action, issuer, atMs: at.ms, expiresAtMs, reason, origin };
}

const isSame = (a: FleetBlock, b: FleetBlock): boolean =>
  a.action === b.action &&
  a.expiresAtMs === b.expiresAtMs &&
  a.issuer === b.issuer &&
  a.atMs === b.atMs &&
  a.reason === b.reason &&
  a.origin === b.origin;
