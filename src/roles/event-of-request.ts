/** Which requests are events, and what of their record goes into one. */
import type { EndedRequest } from '#events/make-event.ts';
import type { RequestKind } from '#events/security-event.ts';
import type { OverRate } from '#proxy/rates/rate-gate.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import type { RuleMatch } from '#waf/rule-match.ts';
import type { Transaction } from '#waf/transaction.ts';

/** Answers of the edge that are no decision: a request for what is not there. */
const noRoute = 404;

/** Null for a request that is none. */
export function kindOf(record: RequestRecord): RequestKind | null {
  const { outcome, status, found, overRate, isEnforced, transaction } = record;
  if (outcome === 'blocked') {
    const { kind } = found ?? overRate ?? {};
    if (kind === 'challenge') return 'challenged';
    return kind === 'limited' ? 'limited' : 'blocked';
  }
  // A rule set that redirects; other filters answer for themselves, which is no decision on the request.
  if (outcome === 'answered' && found?.matches !== undefined) return 'blocked';
  if (outcome === 'refused') return status === noRoute ? null : 'refused';
  if (overRate?.mode === 'monitor') return 'monitored';
  if (found !== null) return isEnforced ? null : 'monitored';
  // A rule that only watches among others that do not.
  if (transaction === null || transaction.isMonitored) return null;
  return transaction.monitoredCount > 0 ? 'monitored' : null;
}

export function endedRequest(record: RequestRecord): EndedRequest {
  const { overRate, transaction, route } = record;
  const found = record.found ?? overRate;
  const byRules = transaction?.matches ?? [];
  const matches = overRate === null ? byRules : [matchOf(overRate), ...byRules];
  return {
    requestId: record.id,
    client: record.client,
    method: record.method,
    host: record.host,
    view: record.view,
    route: route?.name ?? '',
    status: record.status,
    // Where nothing was decided, the first rule that would have done something stands for the event.
    rule: found?.rule ?? transaction?.monitoredRules[0] ?? '',
    reason: found?.reason ?? record.reason,
    matches,
    matchesUnlisted: transaction?.matchesUnlisted ?? 0,
    score: transaction === null ? null : transaction.score + pointsOf(transaction),
    mode: transaction === null ? '' : (route?.mode ?? ''),
    wafMicros: transaction === null ? null : Math.round(record.wafMs * 1_000),
  };
}

/** Of rule sets, which add up by themselves: what their matches count, without those of rules that only watch. */
function pointsOf({ matches, isMonitored }: Transaction): number {
  let points = 0;
  for (const match of matches)
    if (isMonitored || match.mode !== 'monitor') points += match.points ?? 0;
  return points;
}

const matchOf = ({ rule, reason, target, matched, mode }: OverRate): RuleMatch => ({
  ...{ rule, message: reason, severity: null, tags: ['rate'], target, matched, mode },
});
