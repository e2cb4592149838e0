/**
 * What every place that events are sent to has in common: a bounded line, one batch under way, a pause that grows
 * while it fails, and word of how it stands. Nobody waits for it.
 *
 * ```
 * offer ─► line ─► batch ─► deliver ─► sent
 *           │ full: lost      │ fails: the same batch again, later each time
 *                             └ more often than it may: lost, and the next one
 * ```
 */
import { describeError } from '#core/errors.ts';
import type { EcsEvent } from '../ecs-event.ts';

/** How a sink delivers. `close` ends what is open. */
export interface SinkTransport {
  /** As status, log and metrics call it: what kind it is and where it goes, without secrets. */
  readonly name: string;
  readonly kind: 'file' | 'syslog' | 'webhook';
  readonly batchMax: number;
  /** How often one batch is tried before it is given up; Infinity: until it is through. */
  readonly attemptsMax: number;
  /** Resolves when the batch is out of this process's hands; rejects with why not. */
  deliver(events: readonly EcsEvent[], ending: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type SinkCounts = { sent: number; lost: number; failures: number };

export type SinkStatus = Readonly<SinkCounts> & {
  readonly name: string;
  readonly kind: SinkTransport['kind'];
  readonly waiting: number;
  /** Why it does not get through; null where it does. */
  readonly problem: string | null;
};

export const waitingMax = 10_000;
const firstPauseMs = 500;
const pauseMsMax = 60_000;
/** What is left at the end may take so long to go. */
const closeMs = 2_000;

export class SinkQueue {
  readonly counts: SinkCounts = { sent: 0, lost: 0, failures: 0 };
  readonly #transport: SinkTransport;
  readonly #onProblem: (problem: string | null) => void;
  readonly #firstPauseMs: number;
  readonly #waitingMax: number;
  readonly #ending = new AbortController();
  #waiting: EcsEvent[] = [];
  #problem: string | null = null;
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;

  constructor(
    transport: SinkTransport,
    onProblem: (problem: string | null) => void,
    pauseMs = firstPauseMs,
    lineMax = waitingMax,
  ) {
    this.#transport = transport;
    this.#onProblem = onProblem;
    this.#firstPauseMs = pauseMs;
    this.#waitingMax = lineMax;
  }

  get status(): SinkStatus {
    const { name, kind } = this.#transport;
    return { name, kind, ...this.counts, waiting: this.#waiting.length, problem: this.#problem };
  }

  offer(events: readonly EcsEvent[]): void {
    const room = Math.max(0, this.#waitingMax - this.#waiting.length);
    if (events.length > room) this.counts.lost += events.length - room;
    this.#waiting.push(...events.slice(0, room));
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** What is there is tried once more, within a bound; the rest is lost. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#end(), closeMs);
    this.#wake?.();
    // A sink that is down is not waited for.
    if (this.#problem !== null) this.#end();
    await this.#running;
    clearTimeout(timer);
    this.counts.lost += this.#waiting.length;
    this.#waiting = [];
    await this.#transport.close();
  }

  #end(): void {
    this.#ending.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { batchMax } = this.#transport;
    while (this.#waiting.length > 0 && !this.#ending.signal.aborted) {
      const batch = this.#waiting.splice(0, batchMax);
      if (await this.#deliver(batch)) this.counts.sent += batch.length;
      else this.counts.lost += batch.length;
    }
    this.#running = null;
  }

  async #deliver(batch: readonly EcsEvent[]): Promise<boolean> {
    const { attemptsMax } = this.#transport;
    const { signal } = this.#ending;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#transport.deliver(batch, signal);
        this.#say(null);
        return true;
      } catch (error) {
        this.counts.failures++;
        this.#say(describeError(error));
        if (attempt >= attemptsMax) return false;
        await this.#pause(
          Math.min(pauseMsMax, this.#firstPauseMs * 2 ** Math.min(attempt - 1, 20)),
        );
      }
    }
    return false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      this.#wake = done;
    });
  }

  #say(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#onProblem(problem);
  }
}
