/**
 * One access line: a JSON object, ASCII only. It is the dearest thing the edge does for a request beside its
 * system calls (`docs/decisions/access-log.md` has the figures).
 *
 * What is empty or was not measured is absent: `undefined` here. Lines are in the order of the keys below, so
 * who makes one writes them in this order.
 */
export type AccessLine = {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly id: string;
  readonly client: string;
  /** Where a proxy is in between. */
  readonly peer: string | undefined;
  /** `HTTP/1.1` and so on; absent when the request could not be read that far. */
  readonly protocol: string | undefined;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Redacted already; absent when there is none, or when it must not be logged. */
  readonly query: string | undefined;
  readonly status: number;
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly route: string | undefined;
  readonly upstream: string | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Absent where nothing was begun that could take time. */
  readonly durationMs: number | undefined;
  /** Absent when no rule ran. */
  readonly wafMs: number | undefined;
  /** What a rule decided. */
  readonly verdict: AccessVerdict | undefined;
  /** Rules that found something and only watch. */
  readonly monitored: readonly string[] | undefined;
  /** Of the client hello; absent without TLS. */
  readonly ja4: string | undefined;
  /** What the client showed of itself in the handshake. */
  readonly clientCertificate: AccessCertificate | undefined;
  readonly userAgent: string;
};

export type AccessCertificate = {
  readonly subject: string;
  readonly sha256: string;
  readonly verified: boolean;
};

export type AccessVerdict = {
  readonly rule: string;
  readonly target: string;
  readonly reason: string;
  readonly enforced: boolean;
  /** Where a rule set decides by the sum of its rules: all that had something to say. */
  readonly matches: readonly string[] | undefined;
};

/** A request may set off hundreds of rules, and the first say what it is. */
const namesShown = 32;

export const shownNames = (rules: readonly string[] | undefined): readonly string[] | undefined =>
  rules === undefined || rules.length === 0 ? undefined : rules.slice(0, namesShown);

export const shownCertificate = ({
  subject,
  sha256,
  verified,
}: AccessCertificate): AccessCertificate => ({ subject, sha256, verified });

export const unlessEmpty = (text: string): string | undefined => (text === '' ? undefined : text);

/** Of a time in ms. */
export const toMicroseconds = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** Other characters than printable ASCII as escapes, which JSON has for all of them (RFC 8259 section 7). */
export const inAscii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

let timeAtMs = 0;
let timeText = '';

/** RFC 3339, made once a millisecond. */
export function currentTime(): string {
  const now = Date.now();
  if (now !== timeAtMs) {
    timeAtMs = now;
    timeText = new Date(now).toISOString();
  }
  return timeText;
}
