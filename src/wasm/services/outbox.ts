/**
 * Batches on their way to one process. A few are under way at a time; the others wait in line, within a
 * bound.
 */
import type { SharedBatch } from './shared-batch.ts';

const underWayMax = 4;

export type Post = (batch: SharedBatch, done: () => void) => void;

export class Outbox {
  readonly #post: Post;
  readonly #waitingMax: number;
  readonly #onDrained: () => void;
  readonly #waiting: SharedBatch[] = [];
  #underWay = 0;

  constructor(post: Post, waitingMax: number, onDrained: () => void) {
    this.#post = post;
    this.#waitingMax = waitingMax;
    this.#onDrained = onDrained;
  }

  get isFull(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** False where there is no room; nothing is taken then. */
  put(batch: SharedBatch): boolean {
    if (this.isFull) return false;
    this.#waiting.push(batch);
    this.#go();
    return true;
  }

  /** Whatever waits is forgotten. */
  clear(): void {
    this.#waiting.length = 0;
  }

  #go(): void {
    while (this.#underWay < underWayMax) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      this.#underWay++;
      this.#post(batch, () => {
        this.#underWay--;
        this.#go();
        if (this.#underWay === 0) this.#onDrained();
      });
    }
  }
}
