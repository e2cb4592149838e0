/**
 * Whether a node that has come to something new does worse than before: in words, with the numbers, or null.
 *
 * Against what the node itself did before, and not against other nodes: they have other clients. What is certain
 * needs no comparison (a call in which a module failed); what is a matter of degree needs enough requests on both
 * sides and a distance, else a quiet night stops every rollout.
 */
import Type, { type Static } from 'typebox';
import type { Health } from './health.ts';

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

/** A single slow request is no trend. */
const p99DistanceMinMs = 20;
/** Nor are a few errors of which some come every day. */
const failedMin = 3;

/** `before` is null where nothing was measured. */
export function judge(now: Health, before: Health | null, limits: Guards): string | null {
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
  if (now.p99Ms === null || past.p99Ms === null) return null;
  const isSlow =
    now.p99Ms > past.p99Ms * limits.p99FactorMax && now.p99Ms - past.p99Ms > p99DistanceMinMs;
  return isSlow
    ? `the slowest hundredth of its requests takes ${milliseconds(now.p99Ms)} (p99 of ${requests}), ${was(past.p99Ms, milliseconds)}; ${limits.p99FactorMax} times as long is borne`
    : null;
}

export const percent = (value: number | null): string =>
  value === null ? 'none' : `${(value * 100).toFixed(value < 0.1 && value > 0 ? 2 : 1)} %`;

const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

const was = (value: number | null | undefined, text: (value: number) => string): string =>
  value === null || value === undefined
    ? 'and before it there was too little to compare'
    : `and before it was ${text(value)}`;
