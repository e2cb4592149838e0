/** What the routes of the orchestrator work with; `roles/orchestrator.ts` puts it together. */
import type { AuditLog } from './audit-log.ts';
import type { OrchestratorFleet } from './orchestrator-fleet.ts';
import type { OrchestratorStatus } from './schema.ts';
import type { TokenStore } from './token-store.ts';

export type OrchestratorParts = {
  readonly tokens: TokenStore;
  readonly audit: AuditLog;
  /** Throws FLEET_OFF where the configuration has no fleet. */
  fleet(): OrchestratorFleet;
  status(): OrchestratorStatus;
  /** Prometheus text format 0.0.4. */
  metrics(): string;
};
