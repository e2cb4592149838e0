/** What tests of decision logs ask of a result. */
import assert from 'node:assert/strict';
import type { AcceptResult, DecisionLog } from '#decisions/decision-log.ts';

/** Of one batch or the first of several. */
export function bytesOf(issued: ReturnType<DecisionLog['issue']>): Uint8Array {
  const [first] = issued.batches;
  assert.ok(first !== undefined);
  return first.bytes;
}

export const outcome = (result: AcceptResult): string =>
  result.kind === 'refused' ? `${result.reason} ${result.issuer}` : result.kind;

export const targetsOf = (log: DecisionLog): string[] =>
  [...log.enforced.all()].map(({ target }) => target).sort();
