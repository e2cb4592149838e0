/**
 * The HTTP/1.1 connections to one server, and who waits for one.
 *
 * ```
 * acquire ─► idle one? ─► line ─► connection free again, or made ─► first in line
 *                          └─► makes connections: as many as wait, connectingMax at a time, connectionsMax in all
 * ```
 *
 * Idle ones are used last in, first out: the freshest is the least likely to be closed under a request.
 * A connection is made for the line and not for a request: a client that takes back requests as fast as it
 * sends them (CVE-2023-44487) costs the server no connection for each. Beyond `waitingMax` requests are
 * turned away at once.
 */
import type { DeadlineTable } from '#core/deadline-table.ts';
import type { Dialer } from './dialer.ts';
import { type ConnectionOwner, Http1Connection } from './http1-connection.ts';
import type { PoolSettings, UpstreamPool } from './upstream-pool.ts';
import type { StreamTaker, UpstreamFailure, UpstreamStream } from './upstream-stream.ts';
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
  /** Those that are being made for the line. */
  readonly #making = new Set<Http1Connection>();
  #open = 0;
  connectsTotal = 0;
  waitsTotal = 0;
  delayedTotal = 0;
  #retired = false;

  constructor(dialer: Dialer, settings: PoolSettings, deadlines: DeadlineTable) {
    this.#dialer = dialer;
    this.#settings = settings;
    this.#deadlines = deadlines;
    this.#line = new WaitingLine(deadlines, settings.waitingMax, settings.connectMs, (taker) =>
      this.#onExpired(taker),
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
    const { connectionsMax, connectingMax } = this.#settings;
    const hasRoom = this.#open < connectionsMax;
    if (fresh && hasRoom) return this.#connect();
    const isDelayed = this.#making.size >= connectingMax;
    if (!hasRoom) this.waitsTotal++;
    else if (isDelayed) this.delayedTotal++;
    // For each connection there may be yet one may wait beside those who wait for others to be done.
    const awaited = this.#making.size + connectionsMax - this.#open;
    if (!this.#line.join(taker, awaited)) return null;
    this.#make();
    return false;
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

  /** A connection that is clean and free: made, or free again. */
  release(connection: Http1Connection): void {
    this.#making.delete(connection);
    connection.idle(this.#settings.idleMs);
    const waiter = this.#line.next();
    if (waiter !== undefined) waiter.onStream(connection);
    else if (this.#retired) connection.abort();
    else this.#idle.push(connection);
  }

  /** A connection that is closed. What kept it from being made is told to the first who waits. */
  remove(connection: Http1Connection, failure: UpstreamFailure | null): void {
    this.#open--;
    const wasMade = !this.#making.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (!wasMade && failure !== null) this.#line.next()?.onUpstreamFailure(failure);
    this.#make();
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.slice()) connection.abort();
  }

  #make(): void {
    const { connectionsMax, connectingMax } = this.#settings;
    const wanted = Math.min(connectingMax, this.#line.length);
    while (this.#making.size < wanted && this.#open < connectionsMax)
      this.#making.add(this.#connect());
  }

  #connect(): Http1Connection {
    this.#open++;
    this.connectsTotal++;
    return new Http1Connection(this, this.#dialer, this.#deadlines, this.#settings.connectMs);
  }

  /** Either the server does not take connections, or all there may be are in use. */
  #onExpired(taker: StreamTaker): void {
    const making = this.#making.size;
    if (making > 0 && (making === this.#open || this.#open < this.#settings.connectionsMax))
      taker.onUpstreamFailure({
        kind: 'connect-timeout',
        reason: 'upstream did not accept the connection in time',
      });
    else taker.onStream(null);
  }
}
