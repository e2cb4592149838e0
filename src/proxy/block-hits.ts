/**
 * How often entries of the block list were met at accept, by the entry, until the supervisor takes the counts.
 *
 * An attacker who is refused costs one count of his entry, and entries are what operators named; yet a list has
 * a million of them, so what is kept between two takes is bounded.
 */
import { wallMs } from '#core/clock.ts';

/** Entries between two takes, which are a second apart. */
export const hitTargetsMax = 16_384;

export type BlockHit = {
  readonly target: string;
  readonly action: 'drop' | 'challenge' | 'monitor';
  /** Connections, or requests of clients behind a trusted proxy. */
  readonly hits: number;
  readonly lastMs: number;
  /** One of those who came. */
  readonly address: string;
};

export class BlockHits {
  #hits = new Map<string, { -readonly [K in keyof BlockHit]: BlockHit[K] }>();
  /** Of entries that only watch, since the start. */
  monitored = 0;
  /** Not counted by entry for want of room, since the start. */
  lost = 0;

  note(target: string, action: BlockHit['action'], address: string): void {
    if (action === 'monitor') this.monitored++;
    const known = this.#hits.get(target);
    if (known !== undefined) {
      known.hits++;
      known.lastMs = wallMs();
    } else if (this.#hits.size >= hitTargetsMax) this.lost++;
    else this.#hits.set(target, { target, action, hits: 1, lastMs: wallMs(), address });
  }

  /** Those since the last call. */
  take(): readonly BlockHit[] {
    if (this.#hits.size === 0) return [];
    const taken = [...this.#hits.values()];
    this.#hits = new Map();
    return taken;
  }
}
