/** The kernel shield as the management API shows it. */
import type { ShieldStatus } from '#admin/control.ts';
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
