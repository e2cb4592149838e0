/** What `weir status` says of rates: from what the workers have counted, and the node's copy of their buckets. */
import type { PartStatus } from '#admin/part-status.ts';
import type { Config } from '#config/schema.ts';
import { rateFamilies } from '#proxy/rates/rate-metrics.ts';
import type { Supervisor } from './supervisor.ts';

export function rateStatus(
  config: Config | null,
  supervisor: Supervisor,
): PartStatus['behaviour']['rates'] {
  const samples = [...supervisor.lastSamples()];
  const counted = (result: string): number =>
    samples
      .filter(
        ([key]) =>
          key.startsWith(`${rateFamilies.exceeded.name}{`) && key.includes(`result="${result}"`),
      )
      .reduce((sum, [, value]) => sum + value, 0);
  const own = samples.find(([key]) => key === rateFamilies.buckets.name)?.[1] ?? 0;
  return {
    count: config?.rates.length ?? 0,
    buckets: supervisor.hub.bucketsInUse + own,
    limited: counted('limited'),
    challenged: counted('challenged'),
    monitored: counted('monitored'),
  };
}
