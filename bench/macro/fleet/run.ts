/**
 * Question: how long after a block is asked for at one node is it in force at all nodes of a fleet?
 *
 *     node bench/macro/fleet/run.ts [--nodes 10] [--blocks 40] [--kernel] [--state DIR] [--out bench/results/fleet.md]
 *
 * Shipped edges on loopback with one worker each, a real nats-server and a shipped orchestrator; every other block is
 * decided at the orchestrator, the others at the nodes in turn. For every block a client of the address that
 * is to be blocked stands connected to each node, with one request answered; its connection is cut when the block is in
 * force, and it asks again at once. The time runs from before the call to the issuing node until that request is
 * refused; each block is then checked at every node once more. Clients that ask again and again in the meantime would
 * take the cores from the nodes, and their own time would be what is measured. Ten nodes and their clients share the
 * machine's cores and one disk, so it is an upper bound. --state puts the nodes' stores elsewhere: on a file system in
 * memory (/dev/shm) it says how much of the time is the disk's.
 *
 * With --kernel (root) nodes stand in network namespaces with the packet program on their cables: the time runs until the
 * answer of whoever decided counts every node as having the block in its kernel and on its disk.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { EdgeProcess } from '../../../test/support/edge-process.ts';
import { isLetIn, startFleetEdge, stayConnected } from '../../../test/support/fleet-edges.ts';
import { startFleet } from '../../../test/support/fleet-folder.ts';
import type { NemesisMember } from '../../../test/support/nemesis-member.ts';
import { NemesisWorld } from '../../../test/support/nemesis-world.ts';
import { startOrchestratorProcess } from '../../../test/support/orchestrator-process.ts';
import { until } from '../../../test/support/until.ts';
import { machine } from '../../support/results.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '10' },
    blocks: { type: 'string', default: '40' },
    kernel: { type: 'boolean', default: false },
    state: { type: 'string' },
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

type Times = Record<'answered' | 'anywhere' | 'everywhere', number[]>;
const timesOf = (): Times => ({ answered: [], anywhere: [], everywhere: [] });
const times = { node: timesOf(), orchestrator: timesOf() };
const blockOf = (at: number): { readonly target: string; readonly ttlSeconds: number } => ({
  target: `198.18.${at >> 8}.${(at & 255) + 1}`,
  ttlSeconds: 600,
});

const fleet = await startFleet(names);
const edges: EdgeProcess[] = [];
const states = values.state === undefined ? null : mkdtempSync(join(values.state, 'weir-fleet-'));
try {
  for (const name of names)
    edges.push(await startFleetEdge(fleet, name, states === null ? null : join(states, name), ''));
  await using orchestrator = await startOrchestratorProcess(fleet.section('orchestrator'));
  const present = async (edge: EdgeProcess): Promise<boolean> => {
    const { body } = await edge.call('GET', '/api/v1/status');
    return (body['fleet'] as { readonly state: string }).state === 'connected';
  };
  for (const edge of edges) await until('connected', () => present(edge));
  await until('the orchestrator knows all', async () => {
    const { body } = await orchestrator.call('GET', '/api/v1/nodes');
    return Object.keys(body['nodes'] ?? {}).length === names.length;
  });
  for (let at = 0; at < blocks * 2; at++) {
    const body = blockOf(at);
    const client = body.target;
    const isByNode = at % 2 === 0;
    const issuer = edges[(at >> 1) % edges.length] as EdgeProcess;
    const { answered, anywhere, everywhere } = times[isByNode ? 'node' : 'orchestrator'];
    const cuts = await Promise.all(edges.map((edge) => stayConnected(edge, client)));
    const startedAt = performance.now();
    const asked = isByNode
      ? issuer.call('POST', '/api/v1/fleet/blocks', body)
      : orchestrator.call('POST', '/api/v1/blocklist', { body: { ...body, waitMs: 0 } });
    const isAnswered = asked.then((answer) => {
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      answered.push(performance.now() - startedAt);
    });
    const refused = await Promise.all(
      edges.map((edge, index) =>
        refusedAfter(edge, client, cuts[index]?.cut as Promise<void>, startedAt),
      ),
    );
    await isAnswered;
    for (const edge of edges) assert.equal(await isLetIn(edge, client), false);
    anywhere.push(...refused);
    everywhere.push(Math.max(...refused));
  }
  say('# A block over the fleet');
  say();
  say(`\`node bench/macro/fleet/run.ts\`, ${new Date().toISOString().slice(0, 10)}, ${machine}.`);
  say(`${names.length} nodes, ${blocks} blocks of each kind, milliseconds from the call.`);
  say();
  say('| decided at | until | measured | p50 | p99 | max |');
  say('| --- | --- | --- | --- | --- | --- |');
  for (const [issuer, { answered, anywhere, everywhere }] of Object.entries(times)) {
    say(row(`${issuer} | it has answered`, answered));
    say(row(`${issuer} | one node refuses the address`, anywhere));
    say(row(`${issuer} | the last node refuses it`, everywhere));
  }
} finally {
  await Promise.all(edges.map((edge) => edge[Symbol.asyncDispose]()));
  await fleet[Symbol.asyncDispose]();
  if (states !== null) rmSync(states, { recursive: true, force: true });
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
  const kernelTimes: Record<'node' | 'orchestrator', number[]> = { node: [], orchestrator: [] };
  for (let at = 0; at < blocks * 2; at++) {
    const isByNode = at % 2 === 0;
    const issuer = isByNode
      ? (world.nodes[(at >> 1) % names.length] as NemesisMember)
      : orchestrator;
    const path = isByNode ? '/api/v1/fleet/blocks' : '/api/v1/blocklist';
    const startedAt = performance.now();
    const answer = await issuer.call('POST', path, { ...blockOf(at), waitMs: 5_000 });
    kernelTimes[isByNode ? 'node' : 'orchestrator'].push(performance.now() - startedAt);
    const { acknowledged, kernel } = answer.body;
    const said = isByNode ? { acknowledged, kernel } : acknowledged;
    const all = isByNode
      ? { acknowledged: names.length - 1, kernel: true }
      : { nodes: names.length, kernels: names.length, of: names.length };
    assert.deepEqual([answer.status, said], [200, all], JSON.stringify(answer.body));
  }
  for (const node of world.nodes) {
    const { shield } = await node.status();
    const { step, counters } = shield as {
      readonly step: string;
      readonly counters: { readonly exact: number };
    };
    assert.deepEqual(
      [step, counters.exact],
      ['xdp-generic', blocks * 2],
      'in the kernel map itself',
    );
  }
  for (const [issuer, all] of Object.entries(kernelTimes))
    say(row(`${issuer} | the last kernel has it, its disk too, and it knows`, all));
}
