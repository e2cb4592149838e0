/** Whom the management API of a node lets in on the word of an orchestrator of its fleet. */
import type { GrantCheck } from '#admin/server.ts';
import { wallMs } from '#core/clock.ts';
import { GrantGate } from '#fleet/access-grant.ts';
import type { Logger } from '#telemetry/log.ts';
import type { FleetIdentity } from './node-stores.ts';

/** Null for a node without a fleet. */
export function grantCheck(identity: FleetIdentity | null, log: Logger): GrantCheck | null {
  if (identity === null) return null;
  const gate = new GrantGate(identity.trust, identity.self.id, wallMs);
  return (authorization, method, path) => {
    const outcome = gate.take(authorization, method, path);
    if (outcome.kind === 'none') return null;
    if (outcome.kind === 'refused') {
      log.warn({ reason: outcome.reason, method, path }, 'grant refused');
      return 'wrong';
    }
    const { issuer, caller, role, bodySha256 } = outcome.grant;
    return { caller: { name: `${caller} by ${issuer}`, role }, bodySha256 };
  };
}
