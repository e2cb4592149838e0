/**
 * Load at a fixed rate: a request is due by the clock, not when the one before it was answered, and its
 * latency counts from when it was due. A stall of the edge shows as what its users would have felt.
 *
 * ```
 * clock ──due──► waiting ──free place──► connection ──► answered | failed (by reason)
 * ```
 *
 * Nothing is retried. `Connection: close` and GOAWAY are followed: the connection takes no further request
 * and another is made. A connection that closes under a request is a failure; an idle one that closes is not.
 */
import { LatencyHistogram, latencyFigures } from './latency-histogram.ts';
import { H1Lines } from './steady-h1.ts';
import { H2Lines } from './steady-h2.ts';

export type SteadyOptions = {
  readonly protocol: 'h1' | 'h2';
  readonly host: string;
  readonly port: number;
  /** Whoever answers is trusted: certificates of a bench change under way and sign themselves. */
  readonly tls: boolean;
  readonly servername: string;
  readonly connections: number;
  /** Requests under way on one connection; 1 for HTTP/1.1. */
  readonly streams: number;
  /** A connection is left after this many answers, so that new ones are made all the time. */
  readonly answersPerConnection: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly expectStatus: number;
  readonly requestsPerSecond: number;
  readonly requestsMax: number;
  readonly answerMs: number;
};

/** One request: when it was due, and what it tells about itself, once. */
export type Ask = { readonly dueMs: number; readonly sentMs: number };

/** The connections of one protocol. */
export interface Lines {
  /** Takes the request if a connection has room. */
  take(ask: Ask): boolean;
  close(): void;
  readonly reconnects: number;
}

export interface LoadEvents {
  answered(ask: Ask): void;
  failed(ask: Ask | null, reason: string): void;
  /** It never left this process, as its connection takes no more: it waits again, due when it was. */
  unsent(ask: Ask): void;
  /** A connection has room. */
  free(): void;
}

/** Requests that are due and find no room; beyond it they fail, as an arrival at a full house does. */
const waitingMax = 10_000;
const tickMs = 1;

export class SteadyLoad implements LoadEvents {
  readonly #options: SteadyOptions;
  readonly #lines: Lines;
  readonly #latency = new LatencyHistogram();
  readonly #failures = new Map<string, number>();
  readonly #failedAt: { readonly second: number; readonly reason: string }[] = [];
  readonly #waiting: number[] = [];
  readonly #done = Promise.withResolvers<void>();
  #waitingHead = 0;
  #startedAt = 0;
  #issued = 0;
  #answered = 0;
  #failed = 0;
  #stopped = false;
  #unsent = 0;

  constructor(options: SteadyOptions) {
    this.#options = options;
    this.#lines =
      options.protocol === 'h1' ? new H1Lines(options, this) : new H2Lines(options, this);
  }

  get issued(): number {
    return this.#issued;
  }

  get failedCount(): number {
    return this.#failed;
  }

  /** Resolves when every request that was due has been answered or has failed. */
  async run(): Promise<void> {
    this.#startedAt = performance.now();
    const timer = setInterval(() => this.#tick(), tickMs);
    await this.#done.promise;
    clearInterval(timer);
    this.#lines.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  figures(): Record<string, unknown> {
    const { protocol, tls, requestsPerSecond } = this.#options;
    return {
      protocol: tls ? `${protocol} over TLS` : protocol,
      requestsPerSecond,
      issued: this.#issued,
      answered: this.#answered,
      failed: this.#failed,
      failures: Object.fromEntries(this.#failures),
      failedAt: this.#failedAt,
      reconnects: this.#lines.reconnects,
      unsent: this.#unsent,
      ...latencyFigures(this.#latency),
    };
  }

  answered(ask: Ask): void {
    this.#answered++;
    this.#latency.add(performance.now() - ask.dueMs);
    this.#settle();
  }

  /** Without `ask` it is a connection that could not be made; the requests still wait. */
  failed(ask: Ask | null, reason: string): void {
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    if (this.#failedAt.length < 50) {
      const second = Math.round((performance.now() - this.#startedAt) / 100) / 10;
      this.#failedAt.push({ second, reason });
    }
    this.#failed++;
    if (ask !== null) this.#settle();
  }

  unsent(ask: Ask): void {
    this.#unsent++;
    this.#waiting.push(ask.dueMs);
  }

  free(): void {
    while (this.#waitingHead < this.#waiting.length) {
      const dueMs = this.#waiting[this.#waitingHead] as number;
      if (!this.#lines.take({ dueMs, sentMs: performance.now() })) return;
      this.#waitingHead++;
    }
    this.#waiting.length = 0;
    this.#waitingHead = 0;
  }

  #tick(): void {
    const { requestsPerSecond, requestsMax } = this.#options;
    const now = performance.now();
    const due = this.#stopped
      ? this.#issued
      : Math.min(requestsMax, Math.floor(((now - this.#startedAt) * requestsPerSecond) / 1_000));
    while (this.#issued < due) {
      this.#issued++;
      const dueMs = this.#startedAt + (this.#issued * 1_000) / requestsPerSecond;
      if (this.#waiting.length - this.#waitingHead >= waitingMax)
        this.failed({ dueMs, sentMs: now }, 'no connection free');
      else this.#waiting.push(dueMs);
    }
    this.free();
    this.#settle();
  }

  #settle(): void {
    const isOver = this.#stopped || this.#issued >= this.#options.requestsMax;
    const isIdle = this.#waitingHead >= this.#waiting.length;
    if (isOver && isIdle && this.#answered + this.#failedRequests() >= this.#issued)
      this.#done.resolve();
  }

  #failedRequests(): number {
    return this.#failed - (this.#failures.get('connect') ?? 0);
  }
}
