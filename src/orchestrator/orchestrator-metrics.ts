/** What the orchestrator counts, for Prometheus: read when somebody asks. Labels are the states of nodes alone. */
import { movingOf } from '#rollout/plan.ts';
import { type MetricFamily, renderMetrics, seriesKey } from '#telemetry/metrics.ts';
import type { AuditLog } from './audit-log.ts';
import { nodeStates } from './node-registry.ts';
import { outOfStep } from './node-steps.ts';
import type { OrchestratorFleet } from './orchestrator-fleet.ts';
import type { Webhooks } from './webhooks.ts';

const family = (name: string, type: MetricFamily['type'], help: string): MetricFamily => ({
  name: `weir_orchestrator_${name}`,
  type,
  help,
});

export const orchestratorFamilies = {
  audit: family('audit_entries_total', 'counter', 'Entries ever written to the audit log.'),
  nodes: family('nodes', 'gauge', 'Nodes known, by state.'),
  refusedNodes: family('nodes_refused_total', 'counter', 'Hellos of nodes there was no room for.'),
  refusedMessages: family(
    'messages_refused_total',
    'counter',
    'Messages that were malformed, or from nobody the trust file has.',
  ),
  leader: family('leader', 'gauge', '1 where this orchestrator leads.'),
  connected: family('bus_connected', 'gauge', '1 while the bus is connected.'),
  drops: family('bus_drops_total', 'counter', 'Messages the bus had no room for.'),
  blocks: family('fleet_blocks', 'gauge', 'Entries in force in the block list of the fleet.'),
  rollouts: family(
    'rollouts_total',
    'counter',
    'Rollouts that this orchestrator began, brought to an end, or stopped and took back.',
  ),
  moving: family('rollout_moving', 'gauge', '1 while a rollout is under way.'),
  reports: family(
    'reports_refused_total',
    'counter',
    'Reports of rules that were malformed, or from nobody the trust file has.',
  ),
  outOfStep: family(
    'nodes_out_of_step',
    'gauge',
    'Nodes that do not run what the fleet is to run.',
  ),
  delivered: family('webhooks_delivered_total', 'counter', 'Webhook events delivered.'),
  failed: family(
    'webhook_attempts_failed_total',
    'counter',
    'Attempts that were not answered 2xx.',
  ),
  givenUp: family('webhooks_given_up_total', 'counter', 'Webhook events given up.'),
} as const;

export class OrchestratorMetrics {
  render(fleet: OrchestratorFleet | null, webhooks: Webhooks | null, audit: AuditLog): string {
    const families = orchestratorFamilies;
    const samples = new Map([[families.audit.name, audit.head.sequence]]);
    if (fleet !== null) {
      const nodes = fleet.registry.list();
      for (const state of nodeStates) {
        const count = nodes.filter((node) => node.state === state).length;
        samples.set(seriesKey(families.nodes.name, { state }), count);
      }
      const { outboxDrops, inboundDrops } = fleet.bus.counts;
      samples.set(families.refusedNodes.name, fleet.registry.refused);
      samples.set(families.refusedMessages.name, fleet.refusedMessages);
      samples.set(families.leader.name, fleet.leader.isLeader ? 1 : 0);
      samples.set(families.connected.name, fleet.bus.state === 'connected' ? 1 : 0);
      samples.set(families.drops.name, outboxDrops + inboundDrops);
      samples.set(families.blocks.name, fleet.blocks.count);
      const { conductor } = fleet.rollouts;
      for (const [result, count] of Object.entries(conductor.counts))
        samples.set(seriesKey(families.rollouts.name, { result }), count);
      samples.set(families.moving.name, movingOf(conductor.plan) === null ? 0 : 1);
      samples.set(families.reports.name, conductor.refusedReports);
      samples.set(families.outOfStep.name, outOfStep(fleet).length);
    }
    if (webhooks !== null) {
      samples.set(families.delivered.name, webhooks.counts.delivered);
      samples.set(families.failed.name, webhooks.counts.failedAttempts);
      samples.set(families.givenUp.name, webhooks.counts.givenUp);
    }
    return renderMetrics(Object.values(families), samples);
  }
}
