/**
 * One decision, as it goes from where it was made to whoever is to hear of it. Everything of a request that stands
 * in it is masked already: what is no event's business never leaves the worker.
 */

/**
 * What became of a request. Kinds of other parts are words of the same form: nothing here depends on the list but
 * what the worker makes.
 */
export const requestKinds = ['blocked', 'challenged', 'limited', 'monitored', 'refused'] as const;
export type RequestKind = (typeof requestKinds)[number];

export type EventMatch = {
  /** `NAME/ID` for a rule of SecLang, else as the module names it. */
  readonly rule: string;
  readonly message: string;
  /** As syslog has them; null where the rule says none. */
  readonly severity: number | null;
  readonly tags: readonly string[];
  /** Where: `ARGS:q`, `path`, `header:user-agent`. */
  readonly target: string;
  /** What matched, masked; null where the route shows nothing of it. */
  readonly matched: string | null;
  /** Null where the rule gives none. */
  readonly points: number | null;
  readonly mode: string;
};

export type SecurityEvent = {
  readonly id: string;
  readonly kind: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The request's, which its answer and its access line carry too; empty where there was none. */
  readonly requestId: string;
  /** IPv4 or IPv6 text; empty where many are meant. */
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  /** Null for none. */
  readonly query: string | null;
  readonly route: string;
  /** What the client got; 0: nothing. */
  readonly status: number;
  /** The rule that decided; empty where a list or a limit did. */
  readonly rule: string;
  readonly reason: string;
  readonly matches: readonly EventMatch[];
  /** Matches beyond those. */
  readonly matchesUnlisted: number;
  /** Points that modules gave; null where no rule ran. */
  readonly score: number | null;
  /** What the route does with a verdict: `block`, `monitor`; empty without rules. */
  readonly mode: string;
  /** Time spent in rules; null where none ran. */
  readonly wafMicros: number | null;
  /** How many of the kind this one stands for. */
  readonly count: number;
};
