/**
 * How long somebody is blocked who was before: each time twice as long, and from the beginning once it has
 * behaved for as long as the longest block. Bounded: whoever was blocked longest ago is forgotten first.
 */
import { RecentMap } from '#core/recent-map.ts';

export type Offence = { readonly times: number; readonly untilMs: number };

export const offencesMax = 65_536;

export class Offences {
  readonly #known: RecentMap<string, Offence>;

  constructor(entriesMax = offencesMax) {
    this.#known = new RecentMap(entriesMax);
  }

  get size(): number {
    return this.#known.size;
  }

  /** It is blocked already, so it is not blocked again. */
  isHeld(target: string, nowMs: number): boolean {
    const known = this.#known.get(target);
    return known !== undefined && known.untilMs > nowMs;
  }

  /** For how long it is blocked this time; noted with it. */
  double(target: string, firstSeconds: number, maxSeconds: number, nowMs: number): number {
    const known = this.#known.get(target);
    const isFirst = known === undefined || nowMs - known.untilMs > maxSeconds * 1_000;
    const times = isFirst ? 0 : known.times;
    const seconds = Math.min(maxSeconds, firstSeconds * 2 ** Math.min(times, doublingsMax));
    this.#known.set(target, { times: times + 1, untilMs: nowMs + seconds * 1_000 });
    return seconds;
  }

  /** It is blocked for something that does not double. */
  hold(target: string, seconds: number, nowMs: number): void {
    const times = this.#known.get(target)?.times ?? 0;
    this.#known.set(target, { times, untilMs: nowMs + seconds * 1_000 });
  }

  /** What outlives the process: who was blocked lately. */
  state(nowMs: number, entriesMax: number): [string, number, number][] {
    const kept: [string, number, number][] = [];
    for (const [target, { times, untilMs }] of this.#known.entries()) {
      if (nowMs - untilMs > keptMsMax) continue;
      if (kept.push([target, times, untilMs]) === entriesMax) break;
    }
    return kept;
  }

  restore(entries: readonly (readonly [string, number, number])[]): void {
    for (const [target, times, untilMs] of entries) this.#known.set(target, { times, untilMs });
  }
}

/** The longest a block can be configured to last. */
const keptMsMax = 86_400_000;
/** From a second on that is longer than any block. */
const doublingsMax = 20;
