/**
 * A member's key was stolen: nothing it signed counts any more, as nobody can tell what the thief has signed, with
 * whatever time in it. What it decided before that, and this orchestrator has heard of, the orchestrator decides
 * again: before anybody stops believing the old key, so that no block lapses in between.
 *
 * A thief can have dated a decision back and sent it before the theft was known; it is issued again as well. Whoever
 * wants none of that says an earlier time (`weir fleet remove --stolen --since`), and sees in the list what came from
 * there, by its origin.
 */
import { WeirError } from '#core/errors.ts';
import type { DecisionRequest } from '#decisions/decision.ts';
import { originCharactersMax } from '#decisions/decision.ts';
import type { DecisionLog, IssuedBatch } from '#decisions/decision-log.ts';
import type { Trust } from '#decisions/trust.ts';

const chunk = 1_000;

/** `left`: decisions that could not be issued again. */
export function reissueStolen(
  log: DecisionLog,
  trust: Trust,
  newer: Trust,
  nowMs: number,
): { readonly batches: readonly IssuedBatch[]; readonly left: number } {
  const batches: IssuedBatch[] = [];
  let left = 0;
  for (const { id, keyId, sinceMs } of newer.roster?.stolen ?? []) {
    if (trust.member(id)?.keyId !== keyId) continue;
    const requests = requestsOf(log, id, sinceMs, nowMs);
    for (let from = 0; from < requests.length; from += chunk)
      try {
        batches.push(...log.issue(requests.slice(from, from + chunk), nowMs).batches);
      } catch (error) {
        // Over its budget, or with a full list: an operator has to know.
        if (!(error instanceof WeirError)) throw error;
        left += Math.min(chunk, requests.length - from);
      }
  }
  return { batches, left };
}

function requestsOf(
  log: DecisionLog,
  issuer: string,
  sinceMs: number,
  nowMs: number,
): DecisionRequest[] {
  const requests: DecisionRequest[] = [];
  for (const { target, action, at, expiresAtMs, reason, origin } of log.saidBy(issuer)) {
    if (at.ms > sinceMs || expiresAtMs <= nowMs) continue;
    if (action === 'drop' && log.enforced.isProtected(target)) continue;
    const again = `${issuer}: ${origin}`.slice(0, originCharactersMax);
    requests.push({ target, action, expiresAtMs, reason, origin: again });
  }
  return requests;
}
