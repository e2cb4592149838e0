/** What a caller wants decided, checked, with its time and its shadow: and cut into what fits a batch. */
import { WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { batchBytesMax, batchDecisionsMax, encodeDecisions } from './batch.ts';
import {
  type Decision,
  type DecisionRequest,
  decisionLifeMaxMs,
  type HybridTime,
  isPlainText,
  originCharactersMax,
  reasonCharactersMax,
} from './decision.ts';
import { widestPrefix } from './protected-targets.ts';

/** Leaves the head and the signature their room. */
const bodyBytesMax = batchBytesMax - 1_024;

/**
 * The requests by canonical target, the last one of each. Throws BLOCK_TARGET_INVALID, FLEET_DECISION_INVALID, before
 * anything is changed.
 */
export function checkRequests(
  requests: readonly DecisionRequest[],
  nowMs: number,
): readonly DecisionRequest[] {
  const byTarget = new Map<string, DecisionRequest>();
  for (const request of requests) {
    const target = parseCidr(request.target)?.text;
    if (target === undefined)
      throw new WeirError(
        'BLOCK_TARGET_INVALID',
        `"${request.target}" is not an address or CIDR range (192.0.2.1, 192.0.2.0/24, 2001:db8::/32)`,
      );
    const problem = widthProblem(request) ?? problemOf(request, nowMs);
    if (problem !== null)
      throw new WeirError('FLEET_DECISION_INVALID', `the decision on ${target}: ${problem}`);
    byTarget.set(target, { ...request, target });
  }
  return [...byTarget.values()];
}

function widthProblem({ action, target }: DecisionRequest): string | null {
  const cidr = action === 'drop' ? parseCidr(target) : null;
  if (cidr === null || cidr.prefix >= widestPrefix[cidr.family]) return null;
  return `it is wider than /${widestPrefix[cidr.family]}, the most a fleet keeps out with one; "weir block add" without --fleet does it on one node`;
}

function problemOf(request: DecisionRequest, nowMs: number): string | null {
  const { action, expiresAtMs, reason, origin } = request;
  if (!isPlainText(reason, reasonCharactersMax))
    return `its reason is longer than ${reasonCharactersMax} characters or has control characters`;
  if (!isPlainText(origin, originCharactersMax))
    return `its origin is longer than ${originCharactersMax} characters or has control characters`;
  if (action === 'clear') return null;
  if (!Number.isSafeInteger(expiresAtMs) || expiresAtMs <= nowMs) return 'it has ended already';
  if (expiresAtMs > nowMs + decisionLifeMaxMs)
    return `it lasts longer than ${decisionLifeMaxMs / 86_400_000} days, the most of a fleet`;
  return null;
}

/** `shadowMs`: until when what it replaces stands in the way. */
export function decisionOf(request: DecisionRequest, at: HybridTime, shadowMs: number): Decision {
  const { target, action, reason, origin } = request;
  const endMs = at.ms + decisionLifeMaxMs;
  const expiresAtMs = action === 'clear' ? endMs : request.expiresAtMs;
  const shadowUntilMs = Math.min(endMs, Math.max(expiresAtMs, shadowMs));
  return { target, action, at, expiresAtMs, shadowUntilMs, reason, origin };
}

/** As few batches as there can be in this order. */
export function inChunks(decisions: readonly Decision[]): Decision[][] {
  const chunks: Decision[][] = [];
  let chunk: Decision[] = [];
  let bytes = 0;
  for (const decision of decisions) {
    const more = Buffer.byteLength(encodeDecisions([decision]));
    if (chunk.length === batchDecisionsMax || (chunk.length > 0 && bytes + more > bodyBytesMax)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(decision);
    bytes += more;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
