/** Joins the fleet of a node that has been put together: what it is told of the node, and what it may do to it. */
import type { AdminServer } from '#admin/server.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import type { EdgeNode } from './edge-node.ts';
import { nodeFacts } from './fleet-facts.ts';
import { withPolicies } from './fleet-policies.ts';
import { worstLoopDelayMs } from './loop-delay.ts';
import type { NodeFleet } from './node-fleet.ts';
import type { NodeStores } from './node-stores.ts';
import type { Shield } from './shield.ts';
import type { Supervisor } from './supervisor.ts';
import { version } from './version.ts';

/** What in-flight requests get where a command to terminate says nothing. */
const graceMs = 10_000;

export async function joinFleet(parts: {
  readonly fleet: NodeFleet;
  readonly node: EdgeNode;
  readonly stores: NodeStores;
  readonly supervisor: Supervisor;
  readonly shield: Shield;
  readonly config: Config;
  readonly addresses: readonly string[];
  readonly admin: AdminServer;
}): Promise<void> {
  const { fleet, node, stores, supervisor, shield, config, addresses, admin } = parts;
  const pids = () => [
    process.pid,
    ...supervisor.status().flatMap(({ pid }) => pid ?? []),
    ...(shield.pid === null ? [] : [shield.pid]),
  ];
  const startedAtMs = wallMs();
  await fleet.open(stores.fleet, {
    facts: nodeFacts({
      ...{ config, addresses, version, pids },
      adminAddress: admin.address,
      startedAtMs,
      control: node,
      loopDelayMs: () => worstLoopDelayMs(supervisor.lastSamples(), supervisor.status().length),
      shieldStep: () => shield.handover.step,
    }),
    blocks: node.blocks,
    hub: supervisor.hub,
    checkMayChange: () => node.refuseWhileUpgrading(),
    rules: {
      modules: () => node.modules,
      // In place of those from before.
      layPolicies: (policies) =>
        node.reloadOver((live) => withPolicies(live.base ?? live, policies)),
      configuredModule: (name) => node.configuredModule(name),
      samples: () => supervisor.samples(),
      startedAtMs,
    },
    obey: async (command) => {
      if (command.kind === 'reload') await node.reload();
      else if (command.kind === 'terminate') await node.stop(command.graceMs ?? graceMs);
      else if (command.graceMs === null) await node.drain();
      else await node.stop(command.graceMs);
    },
  });
}
