/**
 * Question: how long after a block is asked for at one node is it in force at all nodes of a fleet?
 *
 *     node bench/macro/fleet/run.ts [--nodes 10] [--blocks 40] [--kernel] [--out bench/results/fleet.md]
 *
 * Shipped edges on loopback with one worker each and a real nats-server. For every block a client of the address that
 * is to be blocked stands connected to each node, with one request answered; its connection is cut when the block is in
 * force, and it asks again at once. The time runs from before the call to the issuing node until that request is
 * refused; each block is then checked at every node once more. Clients that ask again and again in the meantime would
 * take the cores from the nodes, and their own time would be what is measured. Ten nodes and their clients share the
 * machine's cores and one disk, so it is an upper bound.
 *
 * With --kernel (root) nodes stand in network namespaces with the packet program on their cables, and the orchestrator
 * decides: the time runs until its answer counts every node as having the block in its kernel and on its disk.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { EdgeProcess } from '../../../test/support/edge-process.ts';
import { isLetIn, startFleetEdge, stayConnected } from '../../../test/support/fleet-edges.ts';
import { startFleet } from '../../../test/support/fleet-folder.ts';
import type { NemesisMember } from '../../../test/support/nemesis-member.ts';
import { NemesisWorld } from '../../../test/support/nemesis-world.ts';
import { until } from '../../../test/support/until.ts';
import { machine } from '../../support/results.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '10' },
    blocks: { type: 'string', default: '40' },
    kernel: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const names = Array.from({ length: Number(values.nodes) }, (_, index) => `n${index + 1}`);
const blocks = Number(values.blocks);
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

/** Milliseconds until a client of this address is refused. */
async function refusedAfter(
  edge: EdgeProcess,
  client: string,
  cut: Promise<void>,
  startedAt: number,
): Promise<number> {
  await cut;
  assert.equal(await isLetIn(edge, client), false, `${client} was cut off and is let in again`);
  return performance.now() - startedAt;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const row = (what: string, times: readonly number[]): string => {
  const sorted = times.toSorted((a, b) => a - b);
  const cells = [0.5, 0.99, 1].map((share) => quantile(sorted, share).toFixed(1));
  return `| ${what} | ${times.length} | ${cells.join(' | ')} |`;
};

const fleet = await startFleet(names);
const edges: EdgeProcess[] = [];
try {
  for (const name of names) edges.push(await startFleetEdge(fleet, name, null, ''));
  const present = async (edge: EdgeProcess): Promise<boolean> => {
    const { body } = await edge.call('GET', '/api/v1/status');
    return (body['fleet'] as { readonly state: string }).state === 'connected';
  };
  for (const edge of edges) await until('connected', () => present(edge));
  const everywhere: number[] = [];
  const anywhere: number[] = [];
  const answered: number[] = [];
  for (let at = 0; at < blocks; at++) {
    const client = `198.18.${at >> 8}.${(at & 255) + 1}`;
    const issuer = edges[at % edges.length] as EdgeProcess;
    const cuts = await Promise.all(edges.map((edge) => stayConnected(edge, client)));
    const startedAt = performance.now();
    const asked = issuer
      .call('POST', '/api/v1/fleet/blocks', { target: client, ttlSeconds: 600 })
      .then(({ status, body }) => {
        assert.equal(status, 200, JSON.stringify(body));
        answered.push(performance.now() - startedAt);
      });
    const times = await Promise.all(
      edges.map((edge, index) =>
        refusedAfter(edge, client, cuts[index]?.cut as Promise<void>, startedAt),
      ),
    );
    await asked;
    for (const edge of edges) assert.equal(await isLetIn(edge, client), false);
    anywhere.push(...times);
    everywhere.push(Math.max(...times));
  }
  say('# A block over the fleet');
  say();
  say(`\`node bench/macro/fleet/run.ts\`, ${new Date().toISOString().slice(0, 10)}, ${machine}.`);
  say(`${names.length} nodes, ${blocks} blocks, milliseconds from the call to the issuing node.`);
  say();
  say('| until | measured | p50 | p99 | max |');
  say('| --- | --- | --- | --- | --- |');
  say(row('the issuing node has answered', answered));
  say(row('one node refuses the address', anywhere));
  say(row('the last node refuses it', everywhere));
} finally {
  await Promise.all(edges.map((edge) => edge[Symbol.asyncDispose]()));
  await fleet[Symbol.asyncDispose]();
}
if (values.kernel) await measureKernels();
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);

async function measureKernels(): Promise<void> {
  await using world = await NemesisWorld.start(names, true);
  const orchestrator = world.members.find(({ role }) => role === 'orchestrator') as NemesisMember;
  const leads = async (): Promise<boolean> => {
    const { fleet } = await orchestrator.status();
    const { isLeader, nodes } = fleet as { readonly isLeader: boolean; readonly nodes: number };
    return isLeader && nodes === names.length;
  };
  await until('all are there', leads);
  const times: number[] = [];
  for (let at = 0; at < blocks; at++) {
    const startedAt = performance.now();
    const { status, body } = await orchestrator.call('POST', '/api/v1/blocklist', {
      ...{ target: `198.18.${at >> 8}.${(at & 255) + 1}`, ttlSeconds: 600, waitMs: 5_000 },
    });
    times.push(performance.now() - startedAt);
    const all = { nodes: names.length, kernels: names.length, of: names.length };
    assert.deepEqual([status, body['acknowledged']], [200, all], JSON.stringify(body));
  }
  for (const node of world.nodes) {
    const { shield } = await node.status();
    const { step, counters } = shield as {
      readonly step: string;
      readonly counters: { readonly exact: number };
    };
    assert.deepEqual([step, counters.exact], ['xdp-generic', blocks], 'in the kernel map itself');
  }
  say(row('the last kernel has it, its disk too, and the orchestrator knows', times));
}
