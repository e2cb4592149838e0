/**
 * One access line: JSON, ASCII only, put together by hand because it is the dearest thing the edge does
 * for a request beside its system calls (`docs/decisions/access-log.md` has the figures).
 *
 * What is empty or was not measured is absent. `peer` stands only where a proxy is in between.
 */

export type AccessRecord = {
  readonly id: string;
  readonly client: string;
  readonly peer: string;
  /** `HTTP/1.1` and so on; empty when the request could not be read that far. */
  readonly protocol: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Redacted already; null when there is none, or when it must not be logged. */
  readonly query: string | null;
  readonly status: number;
  readonly outcome: string;
  readonly reason: string;
  readonly route: string;
  readonly upstream: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Null where nothing was begun that could take time. */
  readonly durationMs: number | null;
  /** 0 when no rule ran. */
  readonly wafMs: number;
  /** What a rule decided, null when none did. */
  readonly verdict: AccessVerdict | null;
  /** Rules that found something and only watch. */
  readonly monitored?: readonly string[];
  readonly userAgent: string;
  /** Of the client hello; empty without TLS. */
  readonly ja4: string;
  /** What the client showed of itself in the handshake. */
  readonly certificate: AccessCertificate | null;
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
  readonly matches?: readonly string[];
};

/** Texts here are latin1: every byte of a head is one character. */
export function accessLine(record: AccessRecord): string {
  const { verdict } = record;
  let line = `{"time":"${currentTime()}","id":"${quoted(record.id)}","client":"${record.client}"`;
  if (record.peer !== record.client) line += `,"peer":"${record.peer}"`;
  if (record.protocol !== '') line += `,"protocol":"${record.protocol}"`;
  line += `,"method":"${methods.quoted(record.method)}","host":"${hosts.quoted(record.host)}","path":"${quoted(record.path)}"`;
  if (record.query !== null) line += `,"query":"${quoted(record.query)}"`;
  line += `,"status":${record.status},"outcome":"${record.outcome}"`;
  if (record.reason !== '') line += `,"reason":"${quoted(record.reason)}"`;
  if (record.route !== '') line += `,"route":"${routes.quoted(record.route)}"`;
  if (record.upstream !== '') line += `,"upstream":"${upstreams.quoted(record.upstream)}"`;
  line += `,"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut}`;
  if (record.durationMs !== null) line += `,"durationMs":${thousandths(record.durationMs)}`;
  if (record.wafMs > 0) line += `,"wafMs":${thousandths(record.wafMs)}`;
  if (verdict !== null) {
    line += `,"verdict":{"rule":"${quoted(verdict.rule)}","target":"${quoted(verdict.target)}","reason":"${quoted(verdict.reason)}","enforced":${verdict.enforced}${namesOf('matches', verdict.matches ?? [])}}`;
  }
  line += namesOf('monitored', record.monitored ?? []);
  if (record.ja4 !== '') line += `,"ja4":"${record.ja4}"`;
  if (record.certificate !== null) {
    const { subject, sha256, verified } = record.certificate;
    line += `,"clientCertificate":{"subject":"${quoted(subject)}","sha256":"${sha256}","verified":${verified}}`;
  }
  return `${line},"userAgent":"${userAgents.quoted(record.userAgent)}"}\n`;
}

/** What is often the same from line to line: comparing it is cheaper than looking at every character. */
class Recent {
  #text = '';
  #quoted = '';

  quoted(text: string): string {
    if (text !== this.#text) {
      this.#quoted = quoted(text);
      this.#text = text;
    }
    return this.#quoted;
  }
}

const methods = new Recent();
const hosts = new Recent();
const routes = new Recent();
const upstreams = new Recent();
const userAgents = new Recent();

function namesOf(key: string, rules: readonly string[]): string {
  if (rules.length === 0) return '';
  const shown = rules.slice(0, matchesShown).map((rule) => `"${quoted(rule)}"`);
  return `,"${key}":[${shown.join(',')}]`;
}

/** A request may set off hundreds of rules, and the first say what it is. */
const matchesShown = 32;

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  if (plain.test(text)) return text;
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whole microseconds as milliseconds: cheaper than printing a double. */
function thousandths(ms: number): string {
  const microseconds = Math.round(ms * 1_000);
  const whole = Math.floor(microseconds / 1_000);
  const rest = microseconds - whole * 1_000;
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}

let timeAtMs = 0;
let timeText = '';

/** RFC 3339, made once a millisecond. */
function currentTime(): string {
  const now = Date.now();
  if (now !== timeAtMs) {
    timeAtMs = now;
    timeText = new Date(now).toISOString();
  }
  return timeText;
}
