/**
 * Leaf functions: short, without loops, calling nothing but other leaves, and called only directly. Such
 * a function carries no charge of its own: whoever calls it pays its whole cost beforehand.
 *
 * A function in a table, exported, started or taken by reference is never a leaf, as nobody who calls it
 * that way would pay. Neither is one whose cost with all it calls is above the bound, so costs stay small
 * however often leaves call leaves.
 */
import { type BodyEvents, event, field, fields } from './body-events.ts';
import { costOfLocals } from './instruction-costs.ts';

/** Instructions, callees included. */
export const leafCostMax = 256;

/** A longer body is not looked at: with so many bytes it has too many instructions, or large constants. */
export const leafBytesMax = 1_024;

/** How deep leaves may call leaves; a chain longer than this is charged from that depth on. */
const depthMax = 8;

type Candidate = {
  readonly index: number;
  readonly cost: number;
  readonly callees: readonly number[];
};

export class LeafFunctions {
  /** By index among the module's own functions; 0 for what is no leaf. */
  readonly #costs: Uint16Array;
  readonly #importCount: number;
  readonly #candidates: Candidate[] = [];
  count = 0;

  constructor(importCount: number, functionCount: number) {
    this.#importCount = importCount;
    this.#costs = new Uint16Array(functionCount);
  }

  /** What a call of this function costs its caller beyond the call; 0 where it pays for itself. */
  costOfCall(functionIndex: number): number {
    return this.#costs[functionIndex - this.#importCount] ?? 0;
  }

  isLeaf(ownIndex: number): boolean {
    return (this.#costs[ownIndex] ?? 0) > 0;
  }

  /** Looks at the function that `events` has read. */
  consider(ownIndex: number, events: BodyEvents): void {
    const cost = events.instructions + costOfLocals(events.locals);
    if (events.loops > 0 || cost > leafCostMax) return;
    const callees: number[] = [];
    for (let at = 0; at < events.length; at += fields) {
      const kind = events.values[at] ?? 0;
      if (kind === event.call) callees.push(events.values[at + field.first] ?? 0);
      else if (!isFree(kind)) return;
    }
    this.#candidates.push({ index: ownIndex, cost, callees });
  }

  /** After all were considered. */
  resolve(): void {
    let waiting = this.#candidates;
    for (let depth = 0; depth < depthMax && waiting.length > 0; depth++) {
      const known = waiting.filter(({ callees }) => callees.every((f) => this.costOfCall(f) > 0));
      if (known.length === 0) break;
      const settled = new Set<Candidate>(known);
      waiting = waiting.filter((candidate) => !settled.has(candidate));
      for (const { index, cost, callees } of known) {
        const whole = callees.reduce((sum, callee) => sum + this.costOfCall(callee), cost);
        if (whole > leafCostMax) continue;
        this.#costs[index] = whole;
        this.count++;
      }
    }
  }
}

/** Costs what it counts for: one instruction. */
function isFree(kind: number): boolean {
  return (
    kind <= event.return ||
    kind === event.store ||
    kind === event.tableSet ||
    kind >= event.elemDrop
  );
}
