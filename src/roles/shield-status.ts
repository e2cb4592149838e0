/** The kernel shield as the management API shows it. */
import type { ShieldStatus } from '#admin/control.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { Shield } from './shield.ts';
import type { ShieldCounters } from './shield-ipc.ts';

export async function shieldStatus(shield: Shield): Promise<ShieldStatus> {
  const { step, refused, interfaces, objectSha256 } = shield.handover;
  const counted = await shield.counters();
  return {
    step,
    refused,
    interfaces: interfaces.map(({ name }) => name),
    object: objectSha256,
    pid: shield.pid,
    counters: counted === null ? null : shown(counted),
  };
}

export async function shieldTop(
  shield: Shield,
  by: TalkerOrder,
  count: number,
): Promise<TopAnswer> {
  const { step, interfaces } = shield.handover;
  const top = await shield.top(by, count);
  return { step, interfaces: interfaces.map(({ name }) => name), top };
}

/** Hits stand with the rules (`node-rules.ts`), samples in the metrics. */
function shown({
  rules: _,
  inspection,
  samples: __,
  ...counters
}: ShieldCounters): ShieldStatus['counters'] {
  return { ...counters, inspection };
}
