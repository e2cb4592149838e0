/**
 * Functions whose callers pay for them: short and called only directly, so that the cost of running
 * through one, with all it calls, is known where the call stands. They charge nothing at their entry, only
 * for what they repeat or for lengths; one that does neither is free of the meter altogether.
 *
 * A function in a table, exported, started or taken by reference pays for itself, as nobody who calls it
 * that way would. So does one that calls itself, by whatever detour: every cycle of calls has a member
 * that pays. And so does one whose cost is above the bound, so costs stay small however often prepaid
 * functions call each other.
 */
import { type BodyEvents, event, field, fields } from './body-events.ts';
import { costOfLocals } from './instruction-costs.ts';

/** Instructions of all it may run in one pass, callees included. */
export const prepaidCostMax = 256;

/** A longer body is not looked at: with so many bytes it has too many instructions, or large constants. */
export const prepaidBytesMax = 1_024;

/** How deep such functions may call each other; further up they pay for themselves. */
const depthMax = 8;

type Candidate = {
  readonly index: number;
  readonly cost: number;
  readonly callees: readonly number[];
  readonly charges: boolean;
};

export class PrepaidFunctions {
  /** By index among the module's own functions; 0 for what pays for itself. */
  readonly #costs: Uint16Array;
  readonly #isFree: Uint8Array;
  readonly #importCount: number;
  readonly #candidates: Candidate[] = [];
  count = 0;

  constructor(importCount: number, functionCount: number) {
    this.#importCount = importCount;
    this.#costs = new Uint16Array(functionCount);
    this.#isFree = new Uint8Array(functionCount);
  }

  /** What a call of this function costs its caller beyond the call; 0 where it pays for itself. */
  costOfCall(functionIndex: number): number {
    return this.#costs[functionIndex - this.#importCount] ?? 0;
  }

  /** Whether neither it nor what it calls touches the fuel. What is imported may: it is the host. */
  isFree(functionIndex: number): boolean {
    return this.#isFree[functionIndex - this.#importCount] === 1;
  }

  /** By the index among the module's own functions. */
  isPrepaid(ownIndex: number): boolean {
    return (this.#costs[ownIndex] ?? 0) > 0;
  }

  /** Looks at the function that `events` has read. */
  consider(ownIndex: number, events: BodyEvents): void {
    const cost = events.instructions + costOfLocals(events.locals);
    if (cost > prepaidCostMax) return;
    const callees: number[] = [];
    let charges = events.loops > 0;
    for (let at = 0; at < events.length; at += fields) {
      const kind = events.values[at] ?? 0;
      if (kind === event.memoryGrow || kind === event.tableGrow) return;
      if (kind === event.call || kind === event.returnCall)
        callees.push(events.values[at + field.first] ?? 0);
      else if (touchesFuel(kind)) charges = true;
    }
    this.#candidates.push({ index: ownIndex, cost, callees, charges });
  }

  /** After all were considered. */
  resolve(): void {
    let waiting = this.#candidates;
    for (let depth = 0; depth < depthMax && waiting.length > 0; depth++) {
      const undecided = new Set(waiting.map(({ index }) => index + this.#importCount));
      const later = waiting.filter(({ callees }) => callees.some((f) => undecided.has(f)));
      for (const candidate of waiting)
        if (!candidate.callees.some((f) => undecided.has(f))) this.#decide(candidate);
      // Who is left calls itself.
      if (later.length === waiting.length) break;
      waiting = later;
    }
  }

  #decide({ index, cost, callees, charges }: Candidate): void {
    const whole = callees.reduce((sum, callee) => sum + this.costOfCall(callee), cost);
    if (whole > prepaidCostMax) return;
    this.#costs[index] = whole;
    this.#isFree[index] = charges || callees.some((callee) => !this.isFree(callee)) ? 0 : 1;
    this.count++;
  }
}

/** Calls through a table, and what is charged by its length. */
function touchesFuel(kind: number): boolean {
  return (
    kind === event.callIndirect ||
    kind === event.returnCallIndirect ||
    (kind >= event.memoryInit && kind <= event.tableFill)
  );
}
