/** Rollouts under faults: the leader is killed, the bus forgets, somebody plays old orders again. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import type { RuleSet } from '#rollout/rule-set.ts';
import { encodeDocument } from '#rollout/signed-document.ts';
import type { EdgeProcess } from '../support/edge-process.ts';
import type { FleetFolder } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator, type TestOrchestrator } from '../support/orchestrator.ts';
import { startOrchestratorProcess } from '../support/orchestrator-process.ts';
import {
  isLed,
  passing,
  quickTerms,
  reachesState,
  rolloutOf,
  runs,
  startRollout,
  startRolloutFleet,
  upload,
} from '../support/rollout-fleet.ts';
import { until } from '../support/until.ts';

const slow = {
  baselineMs: 0,
  stages: quickTerms.stages.map((stage) => ({ ...stage, soakMs: 4_000 })),
};
const atOnce = { baselineMs: 0, stages: [{ amount: 100, unit: 'percent', soakMs: 0 }] };
const soaks = (orchestrator: TestOrchestrator, id: string) =>
  until('soaks', async () => {
    const seen = await rolloutOf(orchestrator, id);
    return (seen['phase'] as unknown) === 'soaking';
  });
const knows = (orchestrator: TestOrchestrator, id: string) =>
  until('knows of it', async () => {
    const { status } = await orchestrator.call('GET', `/api/v1/rollouts/${id}`);
    return status === 200;
  });
const metric = async (edge: EdgeProcess, name: string): Promise<number> => {
  const { body } = await edge.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(String(body['text']))?.[1] ?? 0);
};

describe('a rollout under faults', { skip: needsNats() }, () => {
  it('the leader is killed in the first stage: another goes on where it was, to the end', async () => {
    await using all = await startRolloutFleet({
      nodes: ['a', 'b'],
      orchestrators: ['second', 'first'],
    });
    await all.orchestrator.stop();
    await using first = await startOrchestratorProcess(all.fleet.section('first'));
    await isLed(first);
    // It knows nothing but what it hears from now on.
    await using second = await startTestOrchestrator({ yaml: all.fleet.section('second') });
    await until('nodes are heard of', async () => {
      const { body } = await first.call('GET', '/api/v1/nodes');
      const nodes = Object.values(body['nodes'] ?? {});
      return nodes.length === 2 && nodes.every((node) => (node['ruleSet'] as unknown) !== null);
    });
    const good = await upload(first, passing('good'));
    const refused = await second.call('POST', '/api/v1/rollouts', {
      body: { kind: 'module', name: 'own', sha256: good },
    });
    assert.deepEqual([refused.status, refused.body['error']?.['code']], [409, 'NOT_LEADER']);
    const { id } = await startRollout(first, good, slow);
    await soaks(first, String(id));
    await knows(second, String(id));
    await first.stop();
    await isLed(second);
    const done = await reachesState(second, String(id), 'done');
    assert.match(JSON.stringify(done['steps']), /second goes on, and soaks stage 1 of 3 anew/);
    for (const [name, edge] of all.nodes) assert.equal(await runs(edge), good, name);
    // It has fetched the bytes as well.
    const again = await startRollout(second, good, atOnce);
    await reachesState(second, String(again['id']), 'done');
  });

  it('the bus forgets everything in the middle: the rollout goes on, and who comes late gets its bytes', async () => {
    await using all = await startRolloutFleet({ nodes: ['a', 'b'], later: ['c'] });
    const { orchestrator, fleet } = all;
    const good = await upload(orchestrator, passing('good'));
    const { id } = await startRollout(orchestrator, good, slow);
    await soaks(orchestrator, String(id));
    await fleet.server.kill();
    fleet.server.wipe();
    await fleet.server.start();
    const done = await reachesState(orchestrator, String(id), 'done');
    assert.equal(done['stoppedBy'], null);
    const late = await all.startNode('c');
    await until('the late one runs it', async () => (await runs(late)) === good);
  });

  it('an old set that is played again does nothing, nor does one that nobody may sign', async () => {
    await using all = await startRolloutFleet({ nodes: ['a'] });
    const { orchestrator, fleet } = all;
    const edge = all.nodes.get('a') as EdgeProcess;
    const [first, second] = [passing('first'), passing('second')];
    const old = await upload(orchestrator, first);
    await reachesState(
      orchestrator,
      String((await startRollout(orchestrator, old, atOnce))['id']),
      'done',
    );
    const connection = await dial(fleet, 'orchestrator');
    const key = '$KV.WEIR_f_R.set';
    const stored = await connection
      .jetstreamManager()
      .then((manager) => manager.streams.getMessage('KV_WEIR_f_R', { last_by_subj: key }))
      .catch(() => null);
    // The permissions of an orchestrator are not those of an administrator: it is read as nodes read it.
    assert.equal(stored, null);
    const read = async () => {
      const answer = await connection.request(
        '$JS.API.DIRECT.GET.KV_WEIR_f_R',
        JSON.stringify({ last_by_subj: key }),
      );
      return answer.data;
    };
    const oldSet = await read();
    const current = await upload(orchestrator, second);
    await reachesState(
      orchestrator,
      String((await startRollout(orchestrator, current, atOnce))['id']),
      'done',
    );
    const newSet = await read();
    const set = JSON.parse(Buffer.from(newSet.subarray(20, -64)).toString('utf8')) as RuleSet;
    const forged = (change: Partial<RuleSet>, signer: string) =>
      encodeDocument(
        'rule-set',
        { ...set, sequence: set.sequence + 1_000, items: [], ...change },
        createPrivateKey(readFileSync(join(fleet.folder, signer, 'signing.key'))),
      );
    const refused = 'weir_fleet_rule_sets_refused_total';
    for (const [bytes, reason] of [
      [oldSet, 'replayed'],
      [forged({}, 'a'), 'unsigned'],
      [forged({ issuer: 'a' }, 'a'), 'not-allowed'],
      [forged({ fleet: 'g' }, 'orchestrator'), 'not-for-us'],
      [Buffer.from('{}'), 'malformed'],
    ] as const) {
      const before = await metric(edge, `${refused}\\{reason="${reason}"\\}`);
      // Whoever has the bus can put it there; the leader puts its own back within seconds.
      await connection.request(key, bytes);
      await until(
        `refused as ${reason}`,
        async () => (await metric(edge, `${refused}\\{reason="${reason}"\\}`)) > before,
      );
      assert.equal(await runs(edge), current, reason);
    }
    await until('the newest is there again', async () => {
      const now = await read();
      return Buffer.from(now).equals(Buffer.from(newSet)) || (await runsNewest(now, set.sequence));
    });
    await connection.close();
  });
});

async function runsNewest(bytes: Uint8Array, sequence: number): Promise<boolean> {
  try {
    const set = JSON.parse(Buffer.from(bytes.subarray(20, -64)).toString('utf8')) as RuleSet;
    return set.sequence >= sequence && set.items.length > 0;
  } catch {
    return false;
  }
}

function dial(fleet: FleetFolder, member: string) {
  return connect({
    servers: fleet.server.url,
    authenticator: nkeyAuthenticator(fleet.seed(member)),
    inboxPrefix: `_INBOX_${member}`,
    reconnect: false,
  });
}
