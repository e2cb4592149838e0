/**
 * What became of one disputed request, in a word. The one place that says so: the tests and the replay
 * runner both ask here.
 *
 * | outcome | meaning |
 * | --- | --- |
 * | ok | as the case expects |
 * | lenient | taken, or answered and kept open, where a refusal was due; what reached the origin was clean |
 * | partial | refused behind the head: the origin saw a request begin and break off (tolerable) |
 * | silent | neither answered nor refused |
 * | refused | a good request did not get through |
 * | smuggled, unclean, wrong-body | critical: the origin read what the client hid, dirty framing, another body |
 */
import type { ReadMessage } from './http-read.ts';
import type { SmugglingCase } from './smuggling-cases.ts';

export const outcomes = [
  'ok',
  'partial',
  'lenient',
  'silent',
  'refused',
  'smuggled',
  'unclean',
  'wrong-body',
] as const;

export type Outcome = (typeof outcomes)[number];

export type Observed = {
  /** Final statuses the client was given, in order. */
  readonly statuses: readonly number[];
  /** HTTP/2 only: RST_STREAM, or GOAWAY with an error. */
  readonly reset: boolean;
  /** The edge ended the connection, or said it will: `Connection: close`, GOAWAY, RST_STREAM. */
  readonly closed: boolean;
  /** Whole requests at the origin since the case began. */
  readonly requests: readonly ReadMessage[];
  /** Requests that began at the origin and did not end. */
  readonly begun: number;
  /** What made bytes at the origin no clean HTTP/1.1. */
  readonly unclean: readonly string[];
  /** How a plain request right after it went wrong; empty when it was answered with its own answer. */
  readonly probe: string;
};

export type Judgement = { readonly outcome: Outcome; readonly why: string };

const ok: Judgement = { outcome: 'ok', why: '' };

export const isCritical = (outcome: Outcome): boolean =>
  outcome === 'smuggled' || outcome === 'unclean' || outcome === 'wrong-body';

/** Refused behind the head counts as expected: the origin saw no whole request. */
export const isAsExpected = (outcome: Outcome): boolean =>
  outcome === 'ok' || outcome === 'partial';

export function judge(one: SmugglingCase, seen: Observed): Judgement {
  const says = (outcome: Outcome, why: string): Judgement => ({ outcome, why });
  const lines = seen.requests.map(({ first }) => first);
  const listed = lines.join(', ');
  if (seen.unclean.length > 0) return says('unclean', seen.unclean.join('; '));
  const dirty = seen.requests.flatMap(uncleanFields);
  if (dirty.length > 0) return says('unclean', dirty.join('; '));
  if (lines.some((line) => line.includes('/smuggled/'))) return says('smuggled', listed);
  if (seen.probe !== '') return says('smuggled', `the next request: ${seen.probe}`);

  const refused = seen.reset || seen.statuses.some((status) => status >= 400);
  const answers = seen.statuses.join(' ') || 'no answer';
  const wanted = one.upstream;
  if (wanted === null) {
    if (lines.length > (one.max_upstream ?? 0))
      return says('lenient', `${lines.length} requests reached the origin`);
    return refused || seen.closed ? ok : says('lenient', 'taken to the end');
  }
  const stranger = lines.find((line) => !line.includes(one.id) && !matchesAny(line, wanted));
  if (stranger !== undefined) return says('smuggled', stranger);

  if (one.expected === 'reject') {
    if (lines.length > wanted.length) return says('lenient', `forwarded: ${listed}`);
    if (!refused) {
      if (seen.statuses.length > wanted.length) return says('lenient', `answered ${answers}`);
      // The client ended first, in the middle of its request: nobody is left to be answered.
      return one.half_close === true && seen.closed ? ok : says('silent', answers);
    }
    if (!seen.closed) return says('lenient', `answered ${answers}, connection kept`);
    return seen.begun > 0 ? says('partial', `answered ${answers}`) : ok;
  }
  if (one.expected === 'normalise' && refused && lines.length <= wanted.length) return ok;
  if (lines.length > wanted.length) return says('smuggled', `more than listed: ${listed}`);
  if (refused || lines.length < wanted.length)
    return says(one.expected === 'accept' ? 'refused' : 'silent', `${answers}; origin: ${listed}`);
  const other = lines.find((line, index) => !line.startsWith(wanted[index] ?? '\0'));
  if (other !== undefined) return says('smuggled', `another request: ${other}`);
  if (one.body !== undefined) {
    const body = Buffer.from(one.body, 'base64').toString('latin1');
    const got = seen.requests[0]?.body ?? '';
    if (got !== body)
      return says('wrong-body', `${JSON.stringify(got)} for ${JSON.stringify(body)}`);
  }
  if (seen.statuses.length < wanted.length) return says('silent', answers);
  return ok;
}

const matchesAny = (line: string, wanted: readonly string[]): boolean =>
  wanted.some((one) => line.startsWith(one));

/** Beyond what the reader of recorded bytes refuses by itself. */
function uncleanFields({ fields }: ReadMessage): string[] {
  return fields
    .filter(
      ([name, value]) =>
        /^(?:transfer_encoding|content_length)$/i.test(name) ||
        (/^upgrade$/i.test(name) && /h2c/i.test(value)),
    )
    .map(([name, value]) => `${name}: ${value}`);
}
