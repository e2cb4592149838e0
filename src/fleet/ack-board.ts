/** Who has said that it enforces a batch of ours: for whoever waits for it, and only as long as somebody does. */
import type { Ack } from './messages.ts';

/** Issued by different callers at one time. */
const waitsMax = 1_000;

export type Acks = { readonly members: number; readonly kernels: number };

type Wait = {
  readonly sequence: number;
  readonly from: Map<string, boolean>;
  readonly enough: number;
  readonly done: () => void;
};

export class AckBoard {
  readonly #waits = new Set<Wait>();

  note({ node, sequence, enforced }: Ack): void {
    for (const wait of this.#waits) {
      if (sequence !== wait.sequence) continue;
      wait.from.set(node, enforced.kernel);
      if (wait.from.size >= wait.enough) wait.done();
    }
  }

  /** Until `enough` members have it, or the time is over. */
  async wait(sequence: number, enough: number, timeoutMs: number): Promise<Acks> {
    const from = new Map<string, boolean>();
    if (timeoutMs > 0 && enough > 0 && this.#waits.size < waitsMax) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeoutMs);
      const wait: Wait = { sequence, from, enough, done: resolve };
      this.#waits.add(wait);
      await promise;
      clearTimeout(timer);
      this.#waits.delete(wait);
    }
    const kernels = [...from.values()].filter(Boolean).length;
    return { members: from.size, kernels };
  }
}
