/**
 * Questions to workers whether their rules let a request pass: each to the next worker, answered within its time or
 * not at all. A worker that ends takes its questions along.
 */
import type { CheckAnswer, CheckedRequest } from '#proxy/request-check.ts';
import type { FromPart, ToPart } from './part-messages.ts';

type Waiting = {
  readonly slot: number;
  readonly timer: NodeJS.Timeout;
  readonly settle: (answer: CheckAnswer | null) => void;
};

export class WorkerChecks {
  readonly #send: (message: ToPart, slot: number) => void;
  readonly #slots: number[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #id = 0;

  constructor(send: (message: ToPart, slot: number) => void) {
    this.#send = send;
  }

  /** Throws where nobody answers in time. */
  check(request: CheckedRequest, timeoutMs: number): Promise<CheckAnswer> {
    const slot = this.#slots[this.#next++ % this.#slots.length];
    if (slot === undefined) throw new Error('no worker runs');
    const id = this.#id++;
    const { promise, resolve, reject } = Promise.withResolvers<CheckAnswer>();
    const settle = (answer: CheckAnswer | null): void => {
      clearTimeout(timer);
      this.#waiting.delete(id);
      if (answer === null) reject(new Error('the worker did not answer'));
      else resolve(answer);
    };
    const timer = setTimeout(() => settle(null), timeoutMs);
    this.#waiting.set(id, { slot, timer, settle });
    this.#send({ part: 'crowdsec', id, request }, slot);
    return promise;
  }

  take({ id, answer }: Extract<FromPart, { part: 'crowdsec' }>): void {
    this.#waiting.get(id)?.settle(answer);
  }

  join(slot: number): void {
    if (!this.#slots.includes(slot)) this.#slots.push(slot);
  }

  leave(slot: number): void {
    const at = this.#slots.indexOf(slot);
    if (at >= 0) this.#slots.splice(at, 1);
    for (const one of [...this.#waiting.values()]) if (one.slot === slot) one.settle(null);
  }
}
