/**
 * Question: does a good module reach every node of a fleet under load without a failed request, and does a bad one
 * stop at the first stage by itself, and how soon?
 *
 *     node bench/macro/fleet/rollout.ts [--nodes 10] [--rate 40] [--soak 4] [--out bench/results/rollout.md]
 *
 * Shipped edges on loopback with one worker each, a real nats-server, an orchestrator, an origin. Requests come to
 * each node at a fixed rate, whatever became of those before; one in ten is large. The bad module traps on large
 * ones. Every answer is looked at; nothing is asked again. All of it shares the machine's cores.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import {
  passing,
  type RolloutFleet,
  reachesState,
  runs,
  startRollout,
  startRolloutFleet,
  trapping,
  upload,
} from '../../../test/support/rollout-fleet.ts';
import { largeField } from '../../../test/support/versioned-guest.ts';
import { machine } from '../../support/results.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '40' },
    soak: { type: 'string', default: '4' },
    out: { type: 'string' },
  },
});
const names = Array.from({ length: Number(values.nodes) }, (_, index) => `n${index + 1}`);
const soakMs = Number(values.soak) * 1_000;
const stages = [
  { amount: 1, unit: 'nodes', soakMs },
  { amount: 30, unit: 'percent', soakMs },
  { amount: 100, unit: 'percent', soakMs },
];
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

type Seen = { answered: number; readonly failed: Map<string, number> };

/** Requests at a fixed rate on every node, until it is stopped. */
function startRequests(fleet: RolloutFleet, rate: number) {
  const seen = new Map<string, Seen>();
  const agents: http.Agent[] = [];
  const timers: NodeJS.Timeout[] = [];
  const open = new Set<Promise<void>>();
  for (const [name, edge] of fleet.nodes) {
    const own: Seen = { answered: 0, failed: new Map() };
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    seen.set(name, own);
    agents.push(agent);
    let sent = 0;
    const ask = () => {
      const headers = sent++ % 10 === 0 ? largeField : {};
      const done = requestOf(edge.ports[0] as number, agent, headers).then((problem) => {
        if (problem === null) own.answered++;
        else own.failed.set(problem, (own.failed.get(problem) ?? 0) + 1);
      });
      open.add(done);
      void done.finally(() => open.delete(done));
    };
    timers.push(setInterval(ask, 1_000 / rate));
  }
  return {
    stop: async (): Promise<ReadonlyMap<string, Seen>> => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(open);
      for (const agent of agents) agent.destroy();
      return seen;
    },
  };
}

/** Null for 200. */
function requestOf(
  port: number,
  agent: http.Agent,
  headers: Record<string, string>,
): Promise<string | null> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, agent, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`),
      );
    });
    request.once('error', (error) => resolve(error.message));
  });
}

const sum = (seen: ReadonlyMap<string, Seen>): { answered: number; failed: number } => {
  let [answered, failed] = [0, 0];
  for (const one of seen.values()) {
    answered += one.answered;
    for (const count of one.failed.values()) failed += count;
  }
  return { answered, failed };
};

async function rollOut(fleet: RolloutFleet, bytes: Uint8Array, end: string) {
  const { orchestrator } = fleet;
  const sha256 = await upload(orchestrator, bytes);
  const requests = startRequests(fleet, Number(values.rate));
  const startedAt = performance.now();
  const { id } = await startRollout(orchestrator, sha256, { stages, baselineMs: 15_000 });
  // Longer than a test waits: ten nodes share two cores.
  let rollout = await orchestrator.call('GET', `/api/v1/rollouts/${id}`);
  while (!['done', 'rolled-back'].includes(String(rollout.body['state']))) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    rollout = await orchestrator.call('GET', `/api/v1/rollouts/${id}`);
  }
  const tookMs = performance.now() - startedAt;
  const ended = await reachesState(orchestrator, String(id), end);
  return { sha256, ended, tookMs, seen: await requests.stop() };
}

const fleet = await startRolloutFleet({ nodes: names });
try {
  const good = await rollOut(fleet, passing('good'), 'done');
  for (const [name, edge] of fleet.nodes) assert.equal(await runs(edge), good.sha256, name);
  const all = sum(good.seen);
  const bad = await rollOut(fleet, trapping(), 'rolled-back');
  for (const [name, edge] of fleet.nodes) assert.equal(await runs(edge), good.sha256, name);
  const some = sum(bad.seen);
  const hit = [...bad.seen].filter(([, one]) => one.failed.size > 0).map(([name]) => name);
  const steps = bad.ended['steps'] as unknown as { at: string; text: string }[];
  const at = (fits: RegExp) => Date.parse(steps.find(({ text }) => fits.test(text))?.at ?? '');
  say('# Rules rolled out over a fleet under load');
  say();
  say(
    `\`node bench/macro/fleet/rollout.ts\`, ${new Date().toISOString().slice(0, 10)}, ${machine}.`,
  );
  say(
    `${names.length} nodes, ${values.rate} requests a second on each, one in ten large; stages of one node, 30 %, all; ${values.soak} s of soak each.`,
  );
  say();
  say('| module | ends | nodes that had it | requests | failed | on nodes | took |');
  say('| --- | --- | --- | --- | --- | --- | --- |');
  say(
    `| good | ${good.ended['state']} | ${good.ended['live']} | ${all.answered + all.failed} | ${all.failed} | 0 | ${(good.tookMs / 1_000).toFixed(1)} s |`,
  );
  say(
    `| traps on large requests | ${bad.ended['state']} | ${bad.ended['told']} | ${some.answered + some.failed} | ${some.failed} | ${hit.length} | ${(bad.tookMs / 1_000).toFixed(1)} s |`,
  );
  say();
  const begun = at(/^stage 1/);
  say(
    `Told to one node, stopped ${((at(/^stopped/) - begun) / 1_000).toFixed(1)} s later, everything as before after ${((at(/^(every node|not yet)/) - begun) / 1_000).toFixed(1)} s. What it said:`,
  );
  say();
  for (const { text } of steps) say(`- ${text}`);
  assert.equal(all.failed, 0, 'a good module costs no request');
  assert.equal(bad.ended['told'], 1, 'a bad one stops at one node');
  assert.deepEqual(hit.length, 1);
} finally {
  await fleet[Symbol.asyncDispose]();
}
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);
