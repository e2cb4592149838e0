/**
 * Where one function pays for its instructions, and how much.
 *
 * A region is what runs at most once after its charge: the function after its entry, a loop's body after
 * each branch back to its head. A region pays for all its instructions at once, whichever of them run, so
 * the sum is never less than what runs. The first pass over a loop is paid for by what is around it: a
 * loop that ends in its first round, as most do that compare texts, costs nothing of its own.
 *
 * An arm of an `if`, what follows a block's `end` and the first pass over a loop are split off to pay for
 * themselves when they are long, so that a `br_table` with a hundred long cases does not pay for all of
 * them each time:
 *
 * ```
 * entry ── 12 ──┬─ if ── 70: at its begin
 *               ├─ loop ── 9: first pass at the entry, the others at each branch back
 *               └─ after end ── 5: at the entry (26)
 * ```
 *
 * A short loop whose rounds are written down in the code (`counted-loops.ts`) is paid for with all of them by what is
 * around it, as the arm of an `if` is, run or not.
 *
 * It holds because whoever reaches a split-off part has passed the charge of the region around it, once
 * for each time.
 */
import { BinaryReader } from './binary-reader.ts';
import { type BodyEvents, event, field, fields } from './body-events.ts';
import type { CountedLoops } from './counted-loops.ts';
import { costOfLocals, growCost, regionCostMax } from './instruction-costs.ts';
import type { PrepaidFunctions } from './prepaid-functions.ts';

/** From here on a part pays for itself; a charge costs about as much as five instructions. */
const splitCost = 64;

const noPart = -1;
const noTrips = -1;
const entryPart = 0;

/** Charged before the instruction at that place; or for a `br_if` back to a loop, where it is taken. */
export const before = 0;
export const whenTaken = 1;

export class ChargePoints {
  /** Ascending places of charges; of the first `count`. */
  readonly at: number[] = [];
  readonly how: number[] = [];
  readonly #partOf: number[] = [];
  count = 0;

  /** Of each part: what it costs, the part around it, whether others pay for it. */
  readonly #cost: number[] = [];
  readonly #around: number[] = [];
  readonly #isPaidAround: boolean[] = [];
  /** Of a loop whose rounds are written down: how often it branches back at most. */
  readonly #trips: number[] = [];
  /** What is around it pays for all its rounds. */
  readonly #isFolded: boolean[] = [];
  readonly #isLoop: boolean[] = [];
  readonly #isInLoop: boolean[] = [];
  /** The point at a part's begin. */
  readonly #beginOf: number[] = [];
  #parts = 0;
  #isPrepaid = false;

  /** By depth: the part around a block, and the block's own part where it is a loop. */
  readonly #outer: number[] = [];
  readonly #loop: number[] = [];
  readonly #takesValues: boolean[] = [];

  /** 0 where nothing is charged. */
  costAt(point: number): number {
    const part = this.#partOf[point] ?? entryPart;
    if (this.#isFolded[part] === true) return 0;
    const isAtBegin = this.#beginOf[part] === point;
    // Callers pay for one pass; what is in a loop may run again in each of its rounds.
    const isPaidByCallers = this.#isPrepaid && this.#isInLoop[part] !== true;
    const isPaid = isAtBegin && (isPaidByCallers || this.#isPaidAround[part] === true);
    return isPaid ? 0 : (this.#cost[part] ?? 0);
  }

  /** `isPrepaid`: the callers pay for all but what branches back. */
  plan(
    bytes: Uint8Array,
    events: BodyEvents,
    prepaid: PrepaidFunctions,
    isPrepaid: boolean,
    countedLoops: CountedLoops,
  ): void {
    const { values } = events;
    this.count = 0;
    this.#parts = 0;
    this.#isPrepaid = isPrepaid;
    let depth = 0;
    let current = this.#open(events.codeStart, noPart);
    this.#add(current, costOfLocals(events.locals));
    let counted = 0;
    for (let i = 0; i < events.length; i += fields) {
      const kind = values[i] ?? 0;
      const at = values[i + field.at] ?? 0;
      const first = values[i + field.first] ?? 0;
      if (kind > event.end) {
        if (kind === event.call || kind === event.returnCall)
          this.#add(current, prepaid.costOfCall(first));
        else if (kind === event.memoryGrow || kind === event.tableGrow)
          this.#add(current, growCost);
        else if (kind === event.branch || kind === event.branchIf)
          this.#branch(at, depth - 1 - first, kind === event.branchIf);
        else if (kind === event.branchTable) this.#branchTable(bytes, at, depth);
        continue;
      }
      const ordinal = values[i + field.ordinal] ?? 0;
      const after = values[i + field.after] ?? 0;
      this.#add(current, ordinal - counted);
      counted = ordinal;
      if (kind === event.end && depth === 0) break;
      if (kind === event.else || kind === event.end) {
        const around = this.#outer[depth - 1] ?? entryPart;
        if (kind === event.end) depth--;
        this.#close(current, around);
        current = this.#open(after, around);
        continue;
      }
      this.#outer[depth] = current;
      if (kind === event.loop) {
        current = this.#open(at, current);
        this.#isLoop[current] = true;
        // Who calls a prepaid function pays for one pass over it.
        if (!isPrepaid) this.#trips[current] = countedLoops.of(i)?.trips ?? noTrips;
      } else if (kind === event.if) current = this.#open(after, current);
      this.#loop[depth] = kind === event.loop ? current : noPart;
      this.#takesValues[depth++] = first === 1;
    }
    this.#close(current, entryPart);
  }

  #open(at: number, around: number): number {
    const part = this.#parts++;
    this.#cost[part] = 0;
    this.#around[part] = around;
    this.#isPaidAround[part] = false;
    this.#isLoop[part] = false;
    this.#isInLoop[part] = this.#isLoop[around] === true || this.#isInLoop[around] === true;
    this.#trips[part] = noTrips;
    this.#isFolded[part] = false;
    this.#beginOf[part] = this.count;
    this.#point(at, part, before);
    return part;
  }

  #point(at: number, part: number, how: number): void {
    this.at[this.count] = at;
    this.#partOf[this.count] = part;
    this.how[this.count++] = how;
  }

  #add(part: number, cost: number): void {
    this.#cost[part] = Math.min((this.#cost[part] ?? 0) + cost, regionCostMax);
  }

  /** Ends the parts from `from` outwards, up to but without `until`. */
  #close(from: number, until: number): void {
    for (let part = from; part !== until; ) {
      const around = this.#around[part] ?? entryPart;
      const cost = this.#cost[part] ?? 0;
      const trips = this.#trips[part] ?? noTrips;
      if (trips >= 0 && cost * (trips + 1) < splitCost) {
        this.#add(around, cost * (trips + 1));
        this.#isFolded[part] = true;
      } else if (cost < splitCost) {
        this.#add(around, cost);
        this.#isPaidAround[part] = true;
      }
      part = around;
    }
  }

  /** To the block at `depth`; below 0 it leaves the function. */
  #branch(at: number, depth: number, isConditional: boolean): void {
    const loop = this.#loop[depth] ?? noPart;
    if (depth < 0 || loop === noPart) return;
    const isSimple = isConditional && this.#takesValues[depth] === false;
    this.#point(at, loop, isSimple ? whenTaken : before);
  }

  /** Pays for each loop it may go back to. */
  #branchTable(bytes: Uint8Array, at: number, depth: number): void {
    const reader = new BinaryReader(bytes, at + 1, bytes.length);
    const loops = new Set<number>();
    for (let targets = reader.u32(); targets >= 0; targets--) {
      const target = depth - 1 - reader.u32();
      if (target >= 0) loops.add(this.#loop[target] ?? noPart);
    }
    loops.delete(noPart);
    for (const loop of loops) this.#point(at, loop, before);
  }
}
