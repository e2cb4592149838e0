/**
 * Whether a node that has come to something new does worse than before: in words, with the numbers, or null.
 *
 * Against what the node itself did before, and not against other nodes: they have other clients. What is certain
 * needs no comparison (a call in which a module failed); what is a matter of degree needs enough requests on both
 * sides and a distance, else a quiet night stops every rollout.
 */
import Type, { type Static } from 'typebox';
import { type Health, type RecentHealth, slowerThan, totalOf } from './health.ts';

const share = (fallback: number) => Type.Number({ minimum: 0, maximum: 1, default: fallback });

export const guards = Type.Object(
  {
    /** Growth of the share of answers with a status of 500 and above. */
    errorShareMax: share(0.01),
    /** Change of the share of blocked requests, up or down. */
    blockShareMax: share(0.05),
    /** How many times as long the slowest hundredth may take. */
    p99FactorMax: Type.Number({ minimum: 1, maximum: 1_000, default: 2 }),
    /** Calls in which a module failed. */
    moduleFailuresMax: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 }),
    /** Fewer on either side are not compared. */
    requestsMin: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 50 }),
  },
  { additionalProperties: false },
);
export type Guards = Static<typeof guards>;

export const guardDefaults: Guards = {
  errorShareMax: 0.01,
  blockShareMax: 0.05,
  p99FactorMax: 2,
  moduleFailuresMax: 0,
  requestsMin: 50,
};

/** What nobody feels is no trend, */
const p99DistanceMinMs = 20;
/** nor are a few errors of which some come every day. */
const failedMin = 3;
const slowMin = 5;
const partsMin = 3;

/** `before` is null where nothing was measured. */
export function judge(now: RecentHealth, before: Health | null, limits: Guards): string | null {
  const { requests, moduleFailures } = now;
  const usual =
    before === null || before.requests === 0 ? 0 : before.moduleFailures / before.requests;
  const borne = limits.moduleFailuresMax + Math.ceil(2 * usual * requests);
  if (moduleFailures > borne)
    return `rule modules failed in ${moduleFailures} calls of ${requests} requests; ${borne} are borne`;
  if (requests < limits.requestsMin) return null;
  // With nothing to compare, errors are what would be wrong at any time.
  const past = before !== null && before.requests >= limits.requestsMin ? before : null;
  const failed = (now.failedShare ?? 0) - (past?.failedShare ?? 0);
  if (now.failed >= failedMin && failed > limits.errorShareMax)
    return `${percent(now.failedShare)} of its answers are errors (${now.failed} of ${requests} requests have a status of 500 or above), ${was(past?.failedShare, percent)}; at most ${percent(limits.errorShareMax)} more are borne`;
  if (past === null) return null;
  const blocked = (now.blockedShare ?? 0) - (past.blockedShare ?? 0);
  if (Math.abs(blocked) > limits.blockShareMax)
    return `${percent(now.blockedShare)} of its requests are blocked (${now.blocked} of ${requests}), ${was(past.blockedShare, percent)}; a change of ${percent(limits.blockShareMax)} either way is borne`;
  return past.p99Ms === null ? null : slowness(now, past.p99Ms, limits.p99FactorMax);
}

/**
 * One in a hundred takes longer than the p99 of before, so in few requests a handful does by chance, and one hiccup
 * of the machine brings a handful together. So the time since is looked at in parts: slower is a part in which
 * clearly more do than chance has (the mean of a binomial distribution and three deviations), and slower is a node
 * in most of its parts.
 */
function slowness(now: RecentHealth, pastMs: number, factor: number): string | null {
  const boundMs = Math.max(pastMs * factor, pastMs + p99DistanceMinMs);
  let [all, slow, slowParts] = [0, 0, 0];
  for (const part of now.parts) {
    const slowHere = slowerThan(part, boundMs);
    const expected = totalOf(part) / 100;
    all += totalOf(part);
    slow += slowHere;
    if (slowHere > expected + 3 * Math.sqrt(expected)) slowParts++;
  }
  const isSlow =
    now.parts.length >= partsMin && slowParts * 2 > now.parts.length && slow >= slowMin;
  return isSlow
    ? `${Math.floor(slow)} of ${all} requests took longer than ${milliseconds(boundMs)}, and before it one in a hundred took longer than ${milliseconds(pastMs)}; ${factor} times as long is borne`
    : null;
}

export const percent = (value: number | null): string =>
  value === null ? 'none' : `${(value * 100).toFixed(value < 0.1 && value > 0 ? 2 : 1)} %`;

const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

const was = (value: number | null | undefined, text: (value: number) => string): string =>
  value === null || value === undefined
    ? 'and before it there was too little to compare'
    : `and before it was ${text(value)}`;
