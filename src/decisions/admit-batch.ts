/**
 * Whether a batch is one of this fleet that may be taken now, from its bytes, the trust file and the clock
 * alone: every member comes to the same answer, in whatever order batches arrive.
 *
 * `future` is the one answer that time changes: the batch is offered again, by repair, until it is taken.
 */
import { type BatchHead, isSignedBy, readBatchHead } from './batch.ts';
import { isOfMinute, isWithinBudget } from './budget.ts';
import { clockSkewMaxMs, decisionLifeMaxMs } from './decision.ts';
import type { Member, Trust } from './trust.ts';

export const refusals = [
  'malformed',
  'unknown-issuer',
  'unsigned',
  'not-allowed',
  'expired',
  'future',
  'over-budget',
  /** Others have the same places, and more of them than a lost disk explains: its key is used by somebody else. */
  'conflict',
  /** No room: `decisionEntriesMax`. */
  'full',
] as const;
export type Refusal = (typeof refusals)[number];

export type Admission =
  | { readonly ok: true; readonly head: BatchHead; readonly member: Member }
  | { readonly ok: false; readonly reason: Refusal; readonly issuer: string | null };

export function admitBatch(bytes: Uint8Array, trust: Trust, nowMs: number): Admission {
  const head = readBatchHead(bytes);
  if (head === null) return { ok: false, reason: 'malformed', issuer: null };
  const { issuer, sequence, issuedAtMs, expiresAtMs, count } = head;
  const member = trust.member(issuer);
  if (member === null) return { ok: false, reason: 'unknown-issuer', issuer: null };
  // Before the signature holds nothing is said against whom the batch names.
  if (!isSignedBy(bytes, trust.fleet, member.key))
    return { ok: false, reason: 'unsigned', issuer: null };
  const refuse = (reason: Refusal): Admission => ({ ok: false, reason, issuer });
  if (!member.may.has('block') || issuedAtMs > member.retiredAtMs) return refuse('not-allowed');
  if (issuedAtMs > nowMs + clockSkewMaxMs) return refuse('future');
  if (expiresAtMs <= nowMs) return refuse('expired');
  if (!isOfMinute(sequence, issuedAtMs)) return refuse('malformed');
  if (expiresAtMs > issuedAtMs + clockSkewMaxMs + decisionLifeMaxMs) return refuse('malformed');
  if (!isWithinBudget(sequence, count, member.budget)) return refuse('over-budget');
  return { ok: true, head, member };
}
