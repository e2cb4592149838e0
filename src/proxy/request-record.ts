/**
 * What is known of a request when it has ended: the access line, events and all else that looks at requests are made
 * from it. The view, and what the transaction borrows, are valid during the call.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { Capture } from './capture.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { Outcome } from './proxy-metrics.ts';
import type { OverRate } from './rates/rate-gate.ts';
import type { CompiledRoute } from './snapshot.ts';

export type RequestRecord = {
  readonly id: string;
  readonly view: RequestView;
  /** Index in `edge.listeners`. */
  readonly listener: number;
  /** Who is connected; `client` is whom a trusted proxy speaks for. IPv4 or IPv6 text. */
  readonly peer: string;
  readonly client: string;
  readonly facts: ConnectionFacts;
  readonly method: string;
  readonly host: string;
  /** Null where it did not get so far. */
  readonly route: CompiledRoute | null;
  /** URL of the server that was asked; empty for none. */
  readonly upstream: string;
  /** 0: nothing was sent. */
  readonly status: number;
  readonly outcome: Outcome;
  /** Empty where all went as it should. */
  readonly reason: string;
  readonly isTunnel: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  /** The stop that ended the request, or else the first one of rules that only watch. */
  readonly found: Stop | null;
  readonly isEnforced: boolean;
  /** The first rate that the request went beyond, enforced or only watched (`rates/rate-gate.ts`). */
  readonly overRate: OverRate | null;
  /** 0 where no rule ran. */
  readonly wafMs: number;
  /** Null where the route has no rules. */
  readonly transaction: Transaction | null;
};

export interface RequestObserver {
  /** Before the exchange begins; null, or left out: it takes no copy. */
  capture?(view: RequestView): Capture | null;
  /** Must neither throw nor wait. */
  onRequest(record: RequestRecord): void;
}
