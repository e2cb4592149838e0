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

/** Of a stretch cut into as many parts as it has reports, five at most: their latencies in buckets, in the order of time. */
export type RecentHealth = Health & { readonly parts: readonly (readonly number[])[] };

const partsMax = 5;

/** Of samples in the order of time. Null of fewer than two, and where a counter went back: the node began anew. */
export function healthOver(samples: readonly HealthSample[]): RecentHealth | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const requests = last.requests - first.requests;
  const failed = last.failed - first.failed;
  const blocked = last.blocked - first.blocked;
  const moduleFailures = last.moduleFailures - first.moduleFailures;
  const latency = latencyBetween(first, last);
  if (Math.min(requests, failed, blocked, moduleFailures, ...latency) < 0) return null;
  const share = (part: number) => (requests === 0 ? null : part / requests);
  return {
    ...{ requests, failed, blocked, moduleFailures },
    failedShare: share(failed),
    blockedShare: share(blocked),
    p99Ms: quantileMs(latency, 0.99),
    parts: partsOf(samples),
  };
}

function partsOf(samples: readonly HealthSample[]): number[][] {
  const stretches = samples.length - 1;
  const count = Math.min(partsMax, stretches);
  const at = (part: number) => samples[Math.round((part * stretches) / count)];
  return Array.from({ length: count }, (_, part) => {
    const [from, to] = [at(part), at(part + 1)];
    return from === undefined || to === undefined ? [] : latencyBetween(from, to);
  });
}

const latencyBetween = (before: HealthSample, after: HealthSample): number[] =>
  after.latency.map((at, index) => at - (before.latency[index] ?? 0));

export const totalOf = (latency: readonly number[]): number =>
  latency.reduce((sum, at) => sum + at, 0);

/** How many took longer than `ms`: in the bucket it lies in by the share of the way, so not always whole. */
export function slowerThan(latency: readonly number[], ms: number): number {
  let slower = 0;
  for (const [index, at] of latency.entries()) {
    const from = index === 0 ? 0 : (latencyBoundsMs[index - 1] ?? 0);
    const to = latencyBoundsMs[index] ?? Number.POSITIVE_INFINITY;
    if (from >= ms) slower += at;
    else if (to > ms && to !== Number.POSITIVE_INFINITY) slower += (at * (to - ms)) / (to - from);
  }
  return slower;
}

/** Within its bucket by the share of the way; null of nothing. */
export function quantileMs(latency: readonly number[], share: number): number | null {
  const total = totalOf(latency);
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
