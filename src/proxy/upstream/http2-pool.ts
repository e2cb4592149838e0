/**
 * The HTTP/2 sessions to one server. The first with room gets the request, so that few are open; when
 * all are full another is made, up to `sessionsMax`, and requests wait in line meanwhile.
 */
import type { DeadlineTable } from '#core/deadline-table.ts';
import type { Dialer } from './dialer.ts';
import { Http2Session, type Http2Settings, type SessionOwner } from './http2-session.ts';
import type { UpstreamPool } from './upstream-pool.ts';
import type { StreamTaker, UpstreamFailure, UpstreamStream } from './upstream-stream.ts';
import { WaitingLine } from './waiting-line.ts';

export class Http2Pool implements UpstreamPool, SessionOwner {
  readonly #dialer: Dialer;
  readonly #settings: Http2Settings;
  readonly #deadlines: DeadlineTable;
  readonly #sessions: Http2Session[] = [];
  readonly #line: WaitingLine;
  #retired = false;
  connectsTotal = 0;
  waitsTotal = 0;
  /** One connection is made at a time, whoever waits: nobody waits for that alone. */
  readonly delayedTotal = 0;

  constructor(dialer: Dialer, settings: Http2Settings, deadlines: DeadlineTable) {
    this.#dialer = dialer;
    this.#settings = settings;
    this.#deadlines = deadlines;
    this.#line = new WaitingLine(deadlines, settings.waitingMax, settings.connectMs, (taker) =>
      this.#onExpired(taker),
    );
  }

  get openCount(): number {
    return this.#sessions.length;
  }

  /** Nothing is gained by a fresh session: one that was closed under a request is no longer here. */
  acquire(taker: StreamTaker): UpstreamStream | false | null {
    if (this.#line.length === 0) {
      const session = this.#sessions.find((one) => one.hasRoom);
      if (session !== undefined) return session.open();
    }
    if (this.#sessions.length >= this.#settings.http2.sessionsMax) this.waitsTotal++;
    if (!this.#line.join(taker)) return null;
    this.#grow();
    return false;
  }

  acquireForCheck(taker: StreamTaker): UpstreamStream | false | null {
    return this.acquire(taker);
  }

  cancel(taker: StreamTaker): void {
    this.#line.leave(taker);
  }

  onReady(session: Http2Session): void {
    this.onRoom(session);
    if (this.#line.length > 0) this.#grow();
    if (this.#retired) session.retire();
  }

  onRoom(session: Http2Session): void {
    while (session.hasRoom) {
      const taker = this.#line.next();
      if (taker === undefined) break;
      taker.onStream(session.open());
    }
    if (this.#retired && session.isIdle) session.retire();
  }

  onClosed(session: Http2Session, failure: UpstreamFailure | null): void {
    const at = this.#sessions.indexOf(session);
    if (at >= 0) this.#sessions.splice(at, 1);
    // Nothing else will serve those who wait, and trying again at once would only hide the failure.
    if (failure !== null && this.#sessions.length === 0) {
      for (let count = this.#line.length; count > 0; count--)
        this.#line.next()?.onUpstreamFailure(failure);
    } else if (this.#line.length > 0) this.#grow();
  }

  retire(): void {
    this.#retired = true;
    for (const session of this.#sessions.slice()) if (session.isIdle) session.retire();
  }

  #grow(): void {
    if (this.#sessions.length >= this.#settings.http2.sessionsMax) return;
    if (this.#sessions.some((session) => session.isConnecting)) return;
    this.connectsTotal++;
    this.#sessions.push(new Http2Session(this, this.#dialer, this.#settings, this.#deadlines));
  }

  #onExpired(taker: StreamTaker): void {
    if (this.#sessions.some((session) => session.isConnecting))
      taker.onUpstreamFailure({
        kind: 'connect-timeout',
        reason: 'upstream did not accept the connection in time',
      });
    else taker.onStream(null);
  }
}
