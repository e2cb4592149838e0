/** A request that has ended, as an event: who, what, which rules, and nothing that is secret. */
import { randomInt } from 'node:crypto';
import type { MatchedPolicy } from '#config/events-schema.ts';
import { maskSecrets } from '#core/mask-secrets.ts';
import type { RequestView } from '#waf/request-view.ts';
import { type FoundMatch, isSecretTarget, redactMatch, redactText } from './redact-match.ts';
import { maskPath, SecretValues } from './secret-values.ts';
import type { SecurityEvent } from './security-event.ts';

/** What is known of it; texts are latin1, as they came. */
export type EndedRequest = {
  readonly requestId: string;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly view: RequestView;
  readonly route: string;
  readonly status: number;
  readonly rule: string;
  readonly reason: string;
  readonly matches: readonly FoundMatch[];
  readonly matchesUnlisted: number;
  readonly score: number | null;
  readonly mode: string;
  readonly wafMicros: number | null;
};

export const matchesMax = 32;
const methodCharactersMax = 32;
const hostCharactersMax = 255;
const pathCharactersMax = 1_024;
const queryCharactersMax = 2_048;
const reasonCharactersMax = 512;
/** Of a text that is masked: what is behind is not shown, so it is not looked at either. */
const maskedCharactersMax = 8_192;

export function makeEvent(
  kind: string,
  atMs: number,
  policy: MatchedPolicy,
  ended: EndedRequest,
): SecurityEvent {
  const { view, matches } = ended;
  const secrets = SecretValues.ofHead(view);
  for (const { target, matched } of matches) if (isSecretTarget(target)) secrets.add(matched);
  const shown = matches.slice(0, matchesMax).map((match) => redactMatch(match, policy, secrets));
  const reason = shown.reduce(
    (text, { matched }, index) => redactText(text, matches[index]?.matched ?? '', matched, secrets),
    ended.reason.slice(0, reasonCharactersMax),
  );
  const path = view.bytes.toString('latin1', view.pathStart, view.pathEnd);
  return {
    id: newEventId(atMs),
    kind,
    atMs,
    requestId: ended.requestId,
    client: ended.client,
    method: ended.method.slice(0, methodCharactersMax),
    host: secrets.erase(maskSecrets(ended.host.slice(0, hostCharactersMax))),
    path: cut(secrets.erase(maskPath(path.slice(0, maskedCharactersMax))), pathCharactersMax),
    query: queryOf(view, secrets),
    route: ended.route,
    status: ended.status,
    rule: ended.rule,
    reason: secrets.erase(maskSecrets(reason)),
    matches: shown,
    matchesUnlisted: ended.matchesUnlisted + Math.max(0, matches.length - matchesMax),
    score: ended.score,
    mode: ended.mode,
    wafMicros: ended.wafMicros,
    count: 1,
  };
}

function queryOf(
  { bytes, queryStart, targetEnd }: RequestView,
  secrets: SecretValues,
): string | null {
  if (queryStart < 0) return null;
  const end = Math.min(targetEnd, queryStart + maskedCharactersMax);
  const query = bytes.toString('latin1', queryStart, end);
  return cut(secrets.erase(maskSecrets(query)), queryCharactersMax);
}

const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max)}…`;

/** Sorts by time; 31 bits of chance tell events of one millisecond apart. */
function newEventId(atMs: number): string {
  return (
    atMs.toString(36) +
    randomInt(36 ** 6)
      .toString(36)
      .padStart(6, '0')
  );
}

/** What happened so often to nobody in particular. */
export const sumEvent = (
  kind: string,
  atMs: number,
  reason: string,
  count: number,
): SecurityEvent => ({
  ...{ id: newEventId(atMs), kind, atMs, reason, count },
  ...{ requestId: '', client: '', method: '', host: '', path: '', query: null, route: '' },
  ...{ status: 0, rule: '', matches: [], matchesUnlisted: 0, score: null, mode: '' },
  wafMicros: null,
});
