/**
 * When a member says its digest: in turns of its own, when it has come, and when it hears one that differs.
 *
 * ```
 * A is back ── digest A ──► B knows more: asks A for what A has, and says ── digest B ──► A asks B for what B has
 * ```
 *
 * Whoever hears a digest can fetch from who said it and cannot hand over, so without the answer a member that missed
 * something would have to wait for somebody's next turn. One answer is enough: whoever hears its own root said by another
 * keeps silent. While all change at once no two digests agree; then answers come more and more seldom.
 */
import { randomInt } from 'node:crypto';
import { monotonicMs } from '#core/clock.ts';

const answerJitterMs = 300;
const answerEveryMinMs = 1_000;

export type DigestTurnsOptions = {
  readonly everyMs: number;
  readonly root: () => string;
  /** Where there is somebody to hear it. */
  readonly say: () => void;
};

export class DigestTurns {
  readonly #options: DigestTurnsOptions;
  #turn: NodeJS.Timeout | null = null;
  #answer: NodeJS.Timeout | null = null;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #answerEveryMs = answerEveryMinMs;
  #isClosed = false;

  constructor(options: DigestTurnsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#later();
  }

  /** There is a bus again: all that was said before may be lost. */
  connected(): void {
    this.#answerEveryMs = answerEveryMinMs;
    this.#options.say();
  }

  /** The root that another member has said. */
  heard(root: string): void {
    if (this.#isClosed) return;
    if (root === this.#options.root()) {
      this.#answerEveryMs = answerEveryMinMs;
      if (this.#answer !== null) clearTimeout(this.#answer);
      this.#answer = null;
      return;
    }
    if (this.#answer !== null) return;
    const restMs = Math.max(0, this.#answeredAtMs + this.#answerEveryMs - monotonicMs());
    this.#answer = setTimeout(() => {
      this.#answer = null;
      this.#answeredAtMs = monotonicMs();
      this.#answerEveryMs = Math.min(this.#answerEveryMs * 2, this.#options.everyMs);
      this.#options.say();
    }, restMs + randomInt(answerJitterMs)).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#turn !== null) clearTimeout(this.#turn);
    if (this.#answer !== null) clearTimeout(this.#answer);
  }

  /** With jitter of a fifth either way: ten members do not speak at one time. */
  #later(): void {
    const { everyMs, say } = this.#options;
    const waitMs = everyMs * 0.8 + randomInt(Math.max(1, Math.floor(everyMs * 0.4)));
    this.#turn = setTimeout(() => {
      say();
      if (!this.#isClosed) this.#later();
    }, waitMs).unref();
  }
}
