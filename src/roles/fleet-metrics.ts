/** The fleet as metrics. Label values are words of ours; who the members are stands in the status alone. */
import { itemStates } from '#rollout/node-report.ts';
import { type MetricFamily, type MetricSamples, seriesKey } from '#telemetry/metrics.ts';
import type { NodeFleet } from './node-fleet.ts';
import type { NodeRollout } from './node-rollout.ts';

export const fleetFamilies = {
  connected: {
    name: 'weir_fleet_connected',
    type: 'gauge',
    help: '1 while this node has a connection to NATS.',
  },
  members: {
    name: 'weir_fleet_members_present',
    type: 'gauge',
    help: 'Other members heard of lately.',
  },
  entries: {
    name: 'weir_fleet_entries',
    type: 'gauge',
    help: 'Decisions of the fleet that are kept, in force here, and spared as this node lives by their target.',
  },
  batches: {
    name: 'weir_fleet_batches_total',
    type: 'counter',
    help: 'Signed batches of decisions by what became of them: applied, duplicate, or why they were refused.',
  },
  messages: {
    name: 'weir_fleet_messages_total',
    type: 'counter',
    help: 'Messages of the bus, sent and received.',
  },
  dropped: {
    name: 'weir_fleet_dropped_total',
    type: 'counter',
    help: 'Messages dropped at a bound: waiting for a connection, or for their handler, or asked too often.',
  },
  connections: {
    name: 'weir_fleet_connections_total',
    type: 'counter',
    help: 'Connections made to NATS.',
  },
  refused: {
    name: 'weir_fleet_refused_messages_total',
    type: 'counter',
    help: 'Messages and commands that were refused, by why.',
  },
  repairs: {
    name: 'weir_fleet_repair_batches_total',
    type: 'counter',
    help: 'Batches fetched from the stream or a peer, and own ones published again.',
  },
  failures: {
    name: 'weir_fleet_repair_failures_total',
    type: 'counter',
    help: 'Repairs that a peer did not finish.',
  },
  commands: {
    name: 'weir_fleet_commands_total',
    type: 'counter',
    help: 'Commands of the control plane that were taken.',
  },
  rules: {
    name: 'weir_fleet_rules',
    type: 'gauge',
    help: 'Modules and policies of the fleet on this node, by how they stand here.',
  },
  ruleChanges: {
    name: 'weir_fleet_rule_changes_total',
    type: 'counter',
    help: 'Modules and policies of the fleet that were made live or taken back here, and those that were refused.',
  },
  refusedSets: {
    name: 'weir_fleet_rule_sets_refused_total',
    type: 'counter',
    help: 'Signed sets of rules that were refused, by why.',
  },
  counterCells: {
    name: 'weir_fleet_counter_cells',
    type: 'gauge',
    help: 'Keys and windows that are counted over the fleet.',
  },
  countersShared: {
    name: 'weir_fleet_counters_shared',
    type: 'gauge',
    help: '1 while what modules count over the fleet is shared with the other nodes; 0: each counts by itself.',
  },
  counterMessages: {
    name: 'weir_fleet_counter_messages_total',
    type: 'counter',
    help: 'Messages of counts, by what became of them: sent, received, missed (and asked for again).',
  },
  countersDeferred: {
    name: 'weir_fleet_counters_deferred_total',
    type: 'counter',
    help: 'Counts that had no room in the messages of their time and went with the next.',
  },
  countersRefused: {
    name: 'weir_fleet_counters_refused_total',
    type: 'counter',
    help: 'Counts and messages of counts that were refused, by why; full: at a bound, so this node counts the key by itself.',
  },
} as const satisfies Record<string, MetricFamily>;

export function fleetSamples(fleet: NodeFleet): MetricSamples {
  const samples = new Map<string, number>();
  const { node, counting } = fleet;
  if (node === null || counting === null) return samples;
  const put = (family: MetricFamily, value: number, labels: Record<string, string> = {}) =>
    samples.set(seriesKey(family.name, labels), value);
  const { bus, intake, repair, refusedMessages, commandsTaken, present } = node.counts;
  const { state, entries, enforced, spared } = node.status();
  put(fleetFamilies.connected, state === 'connected' ? 1 : 0);
  put(fleetFamilies.members, present);
  for (const [what, value] of Object.entries({ kept: entries, enforced, spared }))
    put(fleetFamilies.entries, value, { state: what });
  put(fleetFamilies.batches, intake.applied, { result: 'applied' });
  put(fleetFamilies.batches, intake.duplicates, { result: 'duplicate' });
  for (const [result, value] of intake.refused) put(fleetFamilies.batches, value, { result });
  put(fleetFamilies.messages, bus.published, { direction: 'sent' });
  put(fleetFamilies.messages, bus.received, { direction: 'received' });
  put(fleetFamilies.dropped, bus.outboxDrops, { direction: 'sent' });
  put(fleetFamilies.dropped, bus.inboundDrops + intake.dropped, { direction: 'received' });
  put(fleetFamilies.dropped, repair.unanswered, { direction: 'asked' });
  put(fleetFamilies.connections, bus.connections);
  for (const [reason, value] of refusedMessages) put(fleetFamilies.refused, value, { reason });
  put(fleetFamilies.repairs, repair.batchesFetched, { direction: 'fetched' });
  put(fleetFamilies.repairs, repair.republished, { direction: 'republished' });
  put(fleetFamilies.failures, repair.failures);
  put(fleetFamilies.commands, commandsTaken);
  if (fleet.rollout !== null) putRules(fleet.rollout, put);
  const { counts, status } = counting;
  put(fleetFamilies.counterCells, status.cells);
  put(fleetFamilies.countersShared, status.shared ? 1 : 0);
  put(fleetFamilies.counterMessages, counts.sent, { result: 'sent' });
  put(fleetFamilies.counterMessages, counts.received, { result: 'received' });
  put(fleetFamilies.counterMessages, counts.missed, { result: 'missed' });
  for (const [reason, value] of counts.refused)
    put(fleetFamilies.countersRefused, value, { reason });
  put(fleetFamilies.countersDeferred, counts.deferred);
  return samples;
}

function putRules(
  rollout: NodeRollout,
  put: (family: MetricFamily, value: number, labels: Record<string, string>) => void,
): void {
  const items = rollout.items();
  for (const state of itemStates)
    put(fleetFamilies.rules, items.filter((item) => item.state === state).length, { state });
  const { applied, refused, refusedSets } = rollout.counts;
  put(fleetFamilies.ruleChanges, applied, { result: 'applied' });
  put(fleetFamilies.ruleChanges, refused, { result: 'refused' });
  for (const [reason, value] of refusedSets) put(fleetFamilies.refusedSets, value, { reason });
}
