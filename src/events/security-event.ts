/** One decision about a request, as it goes from the worker that made it to whoever is to hear of it. */
import type { RuleMatch } from '#waf/rule-match.ts';

export const eventKinds = ['blocked', 'challenged', 'limited', 'monitored'] as const;
export type EventKind = (typeof eventKinds)[number];

export type SecurityEvent = {
  /** The request's, which its answer and its access line carry too. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly kind: EventKind;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  readonly route: string;
  /** What the client got. */
  readonly status: number;
  /** The rule that decided; empty where a list or a limit did. */
  readonly rule: string;
  readonly reason: string;
  /** What of a request may be shown: nothing of a value stands here unmasked. */
  readonly matches: readonly Omit<RuleMatch, 'matched'>[];
  /** Points that modules gave. */
  readonly score: number;
  /** Time spent in rules. */
  readonly wafMs: number;
};
