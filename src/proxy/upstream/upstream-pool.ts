/** Where the streams to one server come from; one implementation a protocol. */
import type { StreamTaker, UpstreamStream } from './upstream-stream.ts';

export type PoolSettings = {
  readonly connectionsMax: number;
  readonly waitingMax: number;
  readonly connectingMax: number;
  readonly idleMs: number;
  readonly connectMs: number;
};

export interface UpstreamPool {
  /** Connections, those being made included. */
  readonly openCount: number;
  /** Connections begun, those for checks left out. */
  readonly connectsTotal: number;
  /** Requests that waited since all connections, or streams, that there may be were in use. */
  readonly waitsTotal: number;
  /** Requests that waited since as many connections as there may be were being made. */
  readonly delayedTotal: number;
  /**
   * A stream now, or false when the taker has been put in line, or null when that is full.
   * `fresh` asks for a connection that has not been used: the kept ones have shown to be stale.
   */
  acquire(taker: StreamTaker, fresh: boolean): UpstreamStream | false | null;
  /** As `acquire`, for a check: it never waits behind requests for a connection of its own. */
  acquireForCheck(taker: StreamTaker): UpstreamStream | false | null;
  /** Takes the taker out of the line. */
  cancel(taker: StreamTaker): void;
  /** No longer configured: idle connections close now, busy ones after the last request that waits. */
  retire(): void;
}
