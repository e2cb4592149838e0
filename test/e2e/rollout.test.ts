/** Shipped edges, a real nats-server and an orchestrator: rules go out in stages, and what is bad comes back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsNats } from '../support/nats-server.ts';
import {
  passing,
  reachesState,
  runs,
  startLoad,
  startRollout,
  startRolloutFleet,
  trapping,
  upload,
} from '../support/rollout-fleet.ts';

const stepsOf = (rollout: Record<string, unknown>): string =>
  JSON.stringify(rollout['steps'], null, 1);

describe('a rollout over a fleet', { skip: needsNats() }, () => {
  it('a good module reaches all with 0 failed requests; a bad one stops at one node and is taken back', async () => {
    await using all = await startRolloutFleet({ nodes: ['a', 'b', 'c'] });
    const { orchestrator, nodes } = all;
    const own = await runs([...nodes.values()][0] as never);
    await using load = startLoad(all);

    const good = await upload(orchestrator, passing('good'));
    const started = await startRollout(orchestrator, good);
    const done = await reachesState(orchestrator, String(started['id']), 'done');
    for (const [name, edge] of nodes) assert.equal(await runs(edge), good, name);
    assert.match(stepsOf(done), /stage 1 of 3, one node: [abc]"/);
    assert.notEqual(good, own);
    const results = await load.stop();
    for (const [name, { problems, answered }] of results) {
      assert.deepEqual(problems, {}, name);
      assert.ok(answered > 100, `${name} answered ${answered}`);
    }

    await using again = startLoad(all);
    const bad = await upload(orchestrator, trapping());
    const second = await startRollout(orchestrator, bad);
    const back = await reachesState(orchestrator, String(second['id']), 'rolled-back');
    assert.equal(back['told'], 1, stepsOf(back));
    assert.equal(back['stoppedBy'], 'guard');
    assert.match(String(back['why']), /^[abc]: .*(failed|quarantine|errors)/);
    for (const [name, edge] of nodes) assert.equal(await runs(edge), good, name);
    const after = await again.stop();
    const failing = [...after].filter(([, { problems }]) => Object.keys(problems).length > 0);
    assert.equal(failing.length, 1, 'one node had it');
  });
});
