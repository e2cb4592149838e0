/**
 * The HTTP/1.1 connections to one server, and who waits for one.
 *
 * Idle ones are used last in, first out: the freshest is the least likely to be closed under a request.
 * At `connectionsMax` requests wait in order; beyond `waitingMax` they are turned away at once.
 */
import type { DeadlineTable } from '#core/deadline-table.ts';
import type { Dialer } from './dialer.ts';
import { type ConnectionOwner, Http1Connection } from './http1-connection.ts';
import type { PoolSettings, UpstreamPool } from './upstream-pool.ts';
import type { StreamTaker, UpstreamStream } from './upstream-stream.ts';
import { WaitingLine } from './waiting-line.ts';

/** A check's connection belongs to no pool: it closes when its answer is there. */
const ownConnection: ConnectionOwner = {
  release: (connection) => connection.abort(),
  remove: () => {},
};

export class Http1Pool implements UpstreamPool, ConnectionOwner {
  readonly #dialer: Dialer;
  readonly #settings: PoolSettings;
  readonly #deadlines: DeadlineTable;
  readonly #idle: Http1Connection[] = [];
  readonly #line: WaitingLine;
  #open = 0;
  #retired = false;

  constructor(dialer: Dialer, settings: PoolSettings, deadlines: DeadlineTable) {
    this.#dialer = dialer;
    this.#settings = settings;
    this.#deadlines = deadlines;
    this.#line = new WaitingLine(deadlines, settings.waitingMax, settings.connectMs, (taker) =>
      taker.onStream(null),
    );
  }

  get openCount(): number {
    return this.#open;
  }

  acquire(taker: StreamTaker, fresh: boolean): UpstreamStream | false | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      if (!fresh) return idle;
      idle.abort();
    }
    if (this.#open < this.#settings.connectionsMax) return this.#connect();
    return this.#line.join(taker) ? false : null;
  }

  acquireForCheck(): UpstreamStream {
    return new Http1Connection(
      ownConnection,
      this.#dialer,
      this.#deadlines,
      this.#settings.connectMs,
    );
  }

  cancel(taker: StreamTaker): void {
    this.#line.leave(taker);
  }

  /** A connection that is clean and free again. */
  release(connection: Http1Connection): void {
    connection.idle(this.#settings.idleMs);
    const waiter = this.#line.next();
    if (waiter !== undefined) waiter.onStream(connection);
    else if (this.#retired) connection.abort();
    else this.#idle.push(connection);
  }

  /** A connection that is closed. */
  remove(connection: Http1Connection): void {
    this.#open--;
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const waiter = this.#line.next();
    if (waiter !== undefined) waiter.onStream(this.#connect());
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.slice()) connection.abort();
  }

  #connect(): Http1Connection {
    this.#open++;
    return new Http1Connection(this, this.#dialer, this.#deadlines, this.#settings.connectMs);
  }
}
