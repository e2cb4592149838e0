/**
 * Where one function pays for its instructions, and how much.
 *
 * A region is what runs at most once after its charge point: the function from its entry, a loop's body
 * from each pass over its head. A region pays for all its instructions at once, whichever of them run, so
 * the sum is never less than what runs. An arm of an `if` or what follows a block's `end` is split off to
 * pay for itself when it is long, so that a `br_table` with a hundred long cases does not pay for all of
 * them each time:
 *
 * ```
 * entry ── 12 ──┬─ if ── 70: own point
 *               ├─ loop ── 9: own point, always
 *               └─ after end ── 5: paid at the entry (17)
 * ```
 *
 * It holds because whoever reaches a split-off part has passed the point of the region around it, once
 * for each time.
 */
import { type BodyEvents, event, field, fields } from './body-events.ts';
import { costOfLocals, growCost, regionCostMax } from './instruction-costs.ts';
import type { LeafFunctions } from './leaf-functions.ts';

/** From here on a part pays for itself; a charge costs about as much as five instructions. */
const splitCost = 64;

export class ChargePoints {
  /** Where each point lies (a place between instructions), ascending; of the first `count`. */
  at: Int32Array = new Int32Array(64);
  /** 0 for a part that its surroundings pay for. */
  cost: Float64Array = new Float64Array(64);
  #parent: Int32Array = new Int32Array(64);
  #isOwn: Uint8Array = new Uint8Array(64);
  #frames: Int32Array = new Int32Array(64);
  count = 0;

  plan(events: BodyEvents, leaves: LeafFunctions): void {
    const { values } = events;
    this.count = 0;
    let depth = 0;
    let current = this.#open(events.codeStart, -1, true);
    this.#add(current, costOfLocals(events.locals));
    let counted = 0;
    for (let i = 0; i < events.length; i += fields) {
      const kind = values[i] ?? 0;
      if (kind > event.end) {
        if (kind === event.call || kind === event.returnCall)
          this.#add(current, leaves.costOfCall(values[i + field.first] ?? 0));
        else if (kind === event.memoryGrow || kind === event.tableGrow)
          this.#add(current, growCost);
        continue;
      }
      const ordinal = values[i + field.ordinal] ?? 0;
      const after = values[i + field.after] ?? 0;
      this.#add(current, ordinal - counted);
      counted = ordinal;
      if (kind === event.end && depth === 0) break;
      if (kind === event.else || kind === event.end) {
        const around = this.#frames[depth - 1] ?? 0;
        if (kind === event.end) depth--;
        this.#close(current, around);
        current = this.#open(after, around, false);
        continue;
      }
      this.#pushFrame(depth++, current);
      if (kind !== event.block) current = this.#open(after, current, kind === event.loop);
    }
    this.#close(current, -1);
  }

  #open(at: number, parent: number, isOwn: boolean): number {
    const index = this.count++;
    if (index === this.at.length) this.#enlarge();
    this.at[index] = at;
    this.cost[index] = 0;
    this.#parent[index] = parent;
    this.#isOwn[index] = isOwn ? 1 : 0;
    return index;
  }

  #add(index: number, cost: number): void {
    this.cost[index] = Math.min((this.cost[index] ?? 0) + cost, regionCostMax);
  }

  /** Ends the parts from `from` outwards, up to but without `until`. */
  #close(from: number, until: number): void {
    for (let index = from; index !== until && index >= 0; ) {
      const parent = this.#parent[index] ?? -1;
      const cost = this.cost[index] ?? 0;
      if (this.#isOwn[index] === 0 && cost < splitCost) {
        this.#add(parent, cost);
        this.cost[index] = 0;
      }
      index = parent;
    }
  }

  #pushFrame(depth: number, part: number): void {
    if (depth === this.#frames.length) {
      const larger = new Int32Array(depth * 2);
      larger.set(this.#frames);
      this.#frames = larger;
    }
    this.#frames[depth] = part;
  }

  #enlarge(): void {
    const { at, cost } = this;
    const parent = this.#parent;
    const isOwn = this.#isOwn;
    const length = at.length * 2;
    this.at = new Int32Array(length);
    this.at.set(at);
    this.cost = new Float64Array(length);
    this.cost.set(cost);
    this.#parent = new Int32Array(length);
    this.#parent.set(parent);
    this.#isOwn = new Uint8Array(length);
    this.#isOwn.set(isOwn);
  }
}
