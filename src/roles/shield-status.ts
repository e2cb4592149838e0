/** The kernel shield as the management API shows it. */
import type { ShieldStatus } from '#admin/control.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { Shield } from './shield.ts';

export async function shieldStatus(shield: Shield): Promise<ShieldStatus> {
  const { step, refused, interfaces } = shield.handover;
  return {
    step,
    refused,
    interfaces: interfaces.map(({ name }) => name),
    pid: shield.pid,
    counters: await shield.counters(),
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
