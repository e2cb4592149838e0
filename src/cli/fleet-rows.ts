/** The fleet on the page of `weir status`: whether it is heard, who is there, what is known and refused. */
import type { FleetStatus } from '#admin/fleet-schema.ts';
import { formatTime } from '#cli/duration.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, shortHash, thousands } from '#cli/words.ts';

export function fleetRows(fleet: FleetStatus): readonly (readonly Cell[])[] {
  const { name, nodeId, state, server, reason, members, peers, entries, enforced, spared } = fleet;
  const where: Cell =
    state === 'connected'
      ? `connected to ${server ?? 'NATS'}`
      : { text: `${state}: ${reason ?? ''}`, style: 'red' };
  const outOfStep = peers.filter(({ inStep }) => inStep === false).length;
  const there = `${peers.length} of ${counted(members - 1, 'other member')} heard of`;
  const list = fleet.roster === null ? [] : [`list of members ${fleet.roster}`];
  const known = `${counted(entries, 'decision')}, ${thousands(enforced)} in force`;
  const refused = Object.entries(fleet.refused);
  return [
    [`${nodeId} in ${name}`, where],
    [there, [...(outOfStep === 0 ? [] : [`${outOfStep} out of step`]), ...list].join(', ')],
    [
      spared === 0 ? known : `${known}, ${thousands(spared)} spared`,
      fleet.lastExchange === null
        ? 'not compared yet'
        : `compared ${formatTime(fleet.lastExchange)}`,
    ],
    ...fleet.rules.map(({ kind, name, state, running, rollout }): readonly Cell[] => [
      `${kind} ${name} is ${state}`,
      `${running === null ? 'nothing' : shortHash(running)} by ${rollout}`,
    ]),
    ...(fleet.waiting + fleet.dropped === 0
      ? []
      : [[`${thousands(fleet.waiting)} waiting, ${thousands(fleet.dropped)} dropped`]]),
    ...counterRows(fleet.counters),
    ...(refused.length === 0
      ? []
      : [['refused', refused.map(([why, count]) => `${why} ${thousands(count)}`).join(', ')]]),
  ];
}

/** Nothing where no module counts over the fleet. */
function counterRows({ used, shared, cells, nodes }: FleetStatus['counters']): readonly Cell[][] {
  if (!used) return [];
  const known = `${counted(cells, 'count')} over the fleet`;
  return [
    [
      known,
      shared
        ? `in step with ${counted(nodes, 'other node')}`
        : { text: 'not shared: each node counts by itself', style: 'red' },
    ],
  ];
}
