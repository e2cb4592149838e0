/**
 * What a guest does for no request: ticks, queues, responses of calls that it made for itself.
 *
 * Each piece may use the fuel of a call, and nothing keeps a guest from asking for the next one at once, so
 * all of it together gets a tenth of the worker's time: after each piece it rests nine times as long as the
 * piece took. Requests never wait for that.
 */
import { monotonicMs } from '#core/clock.ts';

/** A tick more often or more seldom than these is one as often as these; beyond 2^31 ms timers run at once. */
export const tickMsMin = 10;
export const tickMsMax = 86_400_000;

const restFactor = 9;
/** Pieces run one after the other for so long before the rest. */
const sliceMs = 5;

export class Background {
  readonly #onTick: () => void;
  #tickMs = 0;
  #tick: NodeJS.Timeout | null = null;
  /** Those who add them bound how many there are. */
  #pieces: (() => void)[] = [];
  #slice: NodeJS.Timeout | null = null;
  #restsUntilMs = 0;
  #isEnded = false;

  constructor(onTick: () => void) {
    this.#onTick = onTick;
  }

  /** 0 for none. */
  setTick(periodMs: number): void {
    this.#tickMs = periodMs === 0 ? 0 : Math.min(Math.max(periodMs, tickMsMin), tickMsMax);
    if (this.#tick !== null) clearTimeout(this.#tick);
    this.#tick = null;
    this.#armTick();
  }

  add(piece: () => void): void {
    if (this.#isEnded) return;
    this.#pieces.push(piece);
    this.#armSlice();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#isEnded = true;
    this.setTick(0);
    this.#pieces = [];
    if (this.#slice !== null) clearTimeout(this.#slice);
  }

  #armTick(): void {
    if (this.#tickMs === 0 || this.#isEnded) return;
    this.#tick = setTimeout(
      () => {
        this.#tick = null;
        const startedAt = monotonicMs();
        this.#onTick();
        this.#rest(startedAt);
        // It may have set another period.
        if (this.#tick === null) this.#armTick();
      },
      Math.max(this.#tickMs, this.#restMs()),
    );
    this.#tick.unref();
  }

  #armSlice(): void {
    if (this.#slice !== null || this.#pieces.length === 0 || this.#isEnded) return;
    this.#slice = setTimeout(() => {
      const startedAt = monotonicMs();
      // Those that it brings about come behind the rest.
      for (let left = this.#pieces.length; left > 0; left--) {
        this.#pieces.shift()?.();
        if (monotonicMs() - startedAt > sliceMs) break;
      }
      this.#rest(startedAt);
      this.#slice = null;
      this.#armSlice();
    }, this.#restMs());
    this.#slice.unref();
  }

  #restMs(): number {
    return Math.max(0, this.#restsUntilMs - monotonicMs());
  }

  #rest(startedAt: number): void {
    const now = monotonicMs();
    this.#restsUntilMs = now + (now - startedAt) * restFactor;
  }
}
