/**
 * The connections to one upstream server, and who waits for one.
 *
 * Idle ones are used last in, first out: the freshest is the least likely to be closed under a request.
 * At `connectionsMax` requests wait in order; beyond `waitingMax` they are turned away at once.
 */
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { StreamTaker } from './upstream-stream.ts';

export type ServerSettings = {
  readonly connectionsMax: number;
  readonly waitingMax: number;
  readonly idleMs: number;
  readonly connectMs: number;
};

export class UpstreamServer implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly settings: ServerSettings;
  readonly #deadlines: DeadlineTable;
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: { readonly taker: StreamTaker; readonly until: number }[] = [];
  #open = 0;
  #retired = false;

  constructor(url: string, settings: ServerSettings, deadlines: DeadlineTable) {
    const parsed = new URL(url);
    this.url = url;
    this.host = parsed.hostname.replace(/^\[|\]$/g, '');
    this.port = parsed.port === '' ? 80 : Number(parsed.port);
    this.settings = settings;
    this.#deadlines = deadlines;
    deadlines.add(this);
  }

  get openCount(): number {
    return this.#open;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /**
   * A connection now, or false when the caller has been put in the queue, or null when that is full.
   * `fresh` asks for one that has not been used: the pooled ones have shown to be stale.
   */
  acquire(taker: StreamTaker, fresh: boolean): UpstreamConnection | false | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      if (!fresh) return idle;
      idle.abort();
    }
    if (this.#open < this.settings.connectionsMax) return this.#connect();
    if (this.#waiting.length >= this.settings.waitingMax) return null;
    const until = monotonicMs() + this.settings.connectMs;
    this.#waiting.push({ taker, until });
    if (this.deadlineAt > until) this.deadlineAt = until;
    return false;
  }

  /** Takes the caller out of the queue; it has gone away. */
  cancel(taker: StreamTaker): void {
    const at = this.#waiting.findIndex((waiter) => waiter.taker === taker);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** A connection that is clean and free again. */
  release(connection: UpstreamConnection): void {
    connection.idle(this.settings.idleMs);
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.taker.onStream(connection);
    else if (this.#retired) connection.abort();
    else this.#idle.push(connection);
  }

  /** A connection that is closed. */
  remove(connection: UpstreamConnection): void {
    this.#open--;
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#waiting.length > 0) this.#waiting.shift()?.taker.onStream(this.#connect());
  }

  /** Waiters are in order of arrival, so of time as well. */
  onDeadline(): void {
    const now = monotonicMs();
    while (this.#waiting[0] !== undefined && this.#waiting[0].until <= now)
      this.#waiting.shift()?.taker.onStream(null);
    this.deadlineAt = this.#waiting[0]?.until ?? Number.POSITIVE_INFINITY;
    if (this.#retired && this.#waiting.length === 0) this.#deadlines.remove(this);
  }

  /** No longer configured: idle connections close now, busy ones after the last request that waits. */
  retire(): void {
    this.#retired = true;
    if (this.#waiting.length === 0) this.#deadlines.remove(this);
    for (const connection of this.#idle.slice()) connection.abort();
  }

  #connect(): UpstreamConnection {
    this.#open++;
    return new UpstreamConnection(this, this.#deadlines, this.settings.connectMs);
  }
}
