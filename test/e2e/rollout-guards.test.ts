/**
 * One fleet of shipped edges: what stops a rollout by what clients see, what an operator says of one, whom a tag
 * lets have it, and what a node blocks for how a client behaves.
 *
 * The origin does what is wrong here, once the first node has the new version: the guards compare a node with itself
 * before, and cannot know better.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';
import type { EdgeProcess } from '../support/edge-process.ts';
import { needsNats } from '../support/nats-server.ts';
import {
  passing,
  type RolloutFleet,
  reachesState,
  rolloutOf,
  runs,
  startRollout,
  startRolloutFleet,
  upload,
} from '../support/rollout-fleet.ts';
import { until } from '../support/until.ts';

/** Longer than any run: nothing but a guard or a word ends the first stage. */
const longStages = {
  stages: [
    { amount: 1, unit: 'nodes', soakMs: 3_600_000 },
    { amount: 100, unit: 'percent', soakMs: 0 },
  ],
};
const behaviour = `
behaviour:
  scope: fleet
  errors: { count: 5, windowSeconds: 3600, blockSeconds: 3600 }
  violations: { count: 0 }
  requests: { count: 0 }
  baseline: { factor: 0 }
`;
/** Of a client behind a proxy that is trusted; 0 where its connection was cut. */
function statusFor(edge: EdgeProcess, client: string | null, path = '/'): Promise<number> {
  const headers = client === null ? {} : { 'x-forwarded-for': client };
  return new Promise((resolve) => {
    const target = { host: '127.0.0.1', port: edge.ports[0], path, headers, agent: false };
    const request = http.get(target, (response) => {
      response.resume();
      response.on('close', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', () => resolve(0));
  });
}

describe('a fleet with rollouts', { skip: needsNats() }, () => {
  let origin: http.Server;
  let fleet: RolloutFleet;
  /** Of what is asked at the root. */
  let answers: { readonly status: number; readonly delayMs: number } = { status: 200, delayMs: 0 };
  const node = (name: string): EdgeProcess => {
    const edge = fleet.nodes.get(name);
    assert.ok(edge, name);
    return edge;
  };
  const running = async (): Promise<string[]> =>
    Promise.all(['a', 'b'].map((name) => runs(node(name))));
  const weir = async (...words: string[]): Promise<string> => {
    const { address, state } = fleet.orchestrator;
    const said = await runCliProcess([
      ...words,
      ...['--orchestrator', address, '--token-file', join(state, 'token')],
    ]);
    assert.equal(said.exit, 0, said.stderr);
    return said.stdout;
  };
  const soaks = (id: string) =>
    until('the first stage soaks', async () => {
      const { phase, state } = await rolloutOf(fleet.orchestrator, id);
      return (phase as unknown) === 'soaking' && (state as unknown) === 'running';
    });

  before(async () => {
    origin = http.createServer(({ url }, response) => {
      const { status, delayMs } = url === '/' ? answers : { status: 404, delayMs: 0 };
      setTimeout(() => response.writeHead(status, { 'content-length': 0 }).end(), delayMs);
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    fleet = await startRolloutFleet({
      nodes: ['a', 'b'],
      more: (name) => (name === 'a' ? ', tags: [first]' : ''),
      sections: behaviour,
      origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
    });
  });
  after(async () => {
    await fleet[Symbol.asyncDispose]();
    origin.closeAllConnections();
    origin.close();
  });

  it('blocks at every node whom one node blocks for his behaviour', async () => {
    const [a, b] = [node('a'), node('b')];
    const client = '203.0.113.77';
    assert.equal(await statusFor(b, client), 200);
    await until('a blocks him', async () => (await statusFor(a, client, '/nothing')) !== 404);
    await until('b blocks him', async () => (await statusFor(b, client)) !== 200);
    assert.equal(await statusFor(b, '203.0.113.78'), 200);
    const { body } = await b.call('GET', '/api/v1/blocks');
    const list = body['entries'] as Record<string, unknown>[];
    assert.deepEqual(
      list.map((entry) => [entry['target'], entry['scope'], entry['issuer'], entry['origin']]),
      [[client, 'fleet', 'a', 'behaviour']],
    );
  });

  it('waits, goes on and ends by the word of an operator', async () => {
    const own = await runs(node('a'));
    const next = await upload(fleet.orchestrator, passing('next'));
    const terms = ['--sha256', next, '--stages', '1:1h,all:0s', '--baseline', '0s'];
    const started = await weir('rollout', 'start', 'own', ...terms, '--json');
    const id = String((JSON.parse(started) as { id: string }).id);
    await soaks(id);
    assert.deepEqual((await running()).toSorted(), [own, next].toSorted());
    await weir('rollout', 'pause', id);
    assert.equal((await rolloutOf(fleet.orchestrator, id))['state'], 'paused');
    assert.match(await weir('rollout', 'list'), /paused/);
    await weir('rollout', 'resume', id);
    await soaks(id);
    await weir('rollout', 'abort', id);
    const ended = await reachesState(fleet.orchestrator, id, 'rolled-back');
    assert.deepEqual([ended['stoppedBy'], ended['told']], ['operator', 1]);
    assert.deepEqual(await running(), [own, own]);
  });

  it('is for those alone whose tag says so', async () => {
    const own = await runs(node('b'));
    const next = await upload(fleet.orchestrator, passing('tagged'));
    const terms = ['--stages', 'all', '--soak', '0s', '--baseline', '0s', '--only', 'first'];
    await weir('rollout', 'start', 'own', '--sha256', next, ...terms, '--wait');
    assert.deepEqual(await running(), [next, own]);
  });

  for (const { what, wrong, why } of [
    {
      what: 'answers become errors',
      wrong: { status: 500, delayMs: 0 },
      why: /^[ab]: .* of its answers are errors \(\d+ of \d+ requests have a status of 500 or above\)/,
    },
    {
      what: 'answers become slow',
      wrong: { status: 200, delayMs: 3_000 },
      why: /^[ab]: \d+ of \d+ requests took longer than \d+ ms, and before it one in a hundred took longer than \d/,
    },
  ])
    it(`stops by itself at one node when ${what}, and is taken back`, async () => {
      const before = await running();
      const asking = { isOver: false };
      const clients = [...fleet.nodes.values()].flatMap((edge) =>
        Array.from({ length: 6 }, async () => {
          while (!asking.isOver) await statusFor(edge, null);
        }),
      );
      try {
        for (const edge of fleet.nodes.values())
          await until('it serves', async () => (await statusFor(edge, null)) === 200);
        const next = await upload(fleet.orchestrator, passing(what));
        // No longer than until every node has answered enough.
        const { id } = await startRollout(fleet.orchestrator, next, {
          ...longStages,
          baselineMs: 3_600_000,
          guards: { requestsMin: 20 },
        });
        await soaks(String(id));
        answers = wrong;
        const stopped = await reachesState(fleet.orchestrator, String(id), 'rolled-back');
        assert.match(String(stopped['why']), why);
        assert.deepEqual([stopped['stoppedBy'], stopped['told']], ['guard', 1]);
        assert.deepEqual(await running(), before);
      } finally {
        answers = { status: 200, delayMs: 0 };
        asking.isOver = true;
        await Promise.all(clients);
      }
    });
});
