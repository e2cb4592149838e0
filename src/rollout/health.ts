/**
 * How a node does, as counters that only grow: what it tells with each report, and what is to be said of the time
 * between two of them. Rates are made where they are compared, so a report that is lost loses nothing.
 */
import Type, { type Static } from 'typebox';

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Upper bounds of the buckets of `weir_request_duration_seconds`, in milliseconds; what is above has one more. */
export const latencyBoundsMs = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
] as const;

export const healthSample = Type.Object(
  {
    requests: count,
    blocked: count,
    /** Answers with a status of 500 and above. */
    failed: count,
    /** Calls in which a rule module itself failed. */
    moduleFailures: count,
    /** Requests in each bucket, not cumulative. */
    latency: Type.Array(count, {
      minItems: latencyBoundsMs.length + 1,
      maxItems: latencyBoundsMs.length + 1,
    }),
  },
  { additionalProperties: false },
);
export type HealthSample = Static<typeof healthSample>;

const number = Type.Number({ minimum: 0 });
const orNull = Type.Union([number, Type.Null()]);
/** Of a stretch of time; a share or a latency is null where there was no request. */
export const health = Type.Object(
  {
    requests: count,
    failed: count,
    blocked: count,
    moduleFailures: count,
    failedShare: orNull,
    blockedShare: orNull,
    p99Ms: orNull,
  },
  { additionalProperties: false },
);
export type Health = Static<typeof health>;

/** Null where a counter went back: the node began anew between the two. */
export function healthBetween(before: HealthSample, after: HealthSample): Health | null {
  const requests = after.requests - before.requests;
  const failed = after.failed - before.failed;
  const blocked = after.blocked - before.blocked;
  const moduleFailures = after.moduleFailures - before.moduleFailures;
  const latency = after.latency.map((at, index) => at - (before.latency[index] ?? 0));
  if (Math.min(requests, failed, blocked, moduleFailures, ...latency) < 0) return null;
  const share = (part: number) => (requests === 0 ? null : part / requests);
  return {
    ...{ requests, failed, blocked, moduleFailures },
    failedShare: share(failed),
    blockedShare: share(blocked),
    p99Ms: quantileMs(latency, 0.99),
  };
}

/** Within its bucket by the share of the way; null of nothing. */
export function quantileMs(latency: readonly number[], share: number): number | null {
  const total = latency.reduce((sum, at) => sum + at, 0);
  if (total === 0) return null;
  const wanted = total * share;
  let below = 0;
  for (const [index, at] of latency.entries()) {
    if (below + at >= wanted && at > 0) {
      const from = index === 0 ? 0 : (latencyBoundsMs[index - 1] ?? 0);
      const to = latencyBoundsMs[index] ?? from;
      return from + ((wanted - below) / at) * (to - from);
    }
    below += at;
  }
  return latencyBoundsMs.at(-1) ?? null;
}
