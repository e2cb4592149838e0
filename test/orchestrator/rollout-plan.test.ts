/** Two orchestrators that both believe to lead, over a real server: of two plans one is written, and nodes hear of that one. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseTrust, publicKeyText } from '#decisions/trust.ts';
import { Bus } from '#fleet/bus.ts';
import { KeyValue } from '#fleet/key-value.ts';
import type { LeaderLock } from '#orchestrator/leader-lock.ts';
import type { NodeRegistry } from '#orchestrator/node-registry.ts';
import { openOrchestratorDatabase } from '#orchestrator/orchestrator-database.ts';
import { RolloutConductor } from '#orchestrator/rollout-conductor.ts';
import { RolloutStore } from '#orchestrator/rollout-store.ts';
import { guardDefaults } from '#rollout/guards.ts';
import type { Rollout } from '#rollout/rollout.ts';
import { ruleSet } from '#rollout/rule-set.ts';
import { readDocument } from '#rollout/signed-document.ts';
import { stageDefaults } from '#rollout/stages.ts';
import { createLog } from '#telemetry/log.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const pairs = ['one', 'two'].map((id) => ({ id, ...generateKeyPairSync('ed25519') }));
const members = pairs.map(({ id, publicKey }) => ({
  ...{ id, role: 'orchestrator', key: publicKeyText(publicKey), may: ['rollout'] },
}));
const trust = parseTrust(JSON.stringify({ fleet: 'f', members }), 'trust.json');

/** Paused, so that nothing moves but what a test says. */
const rolloutOf = (id: string): Rollout => ({
  ...{ id, kind: 'module', name: id, before: null, only: [], hold: [] },
  content: { kind: 'module', sha256: 'a'.repeat(64), bytes: 8, signature: null, cases: null },
  ...{ stages: [...stageDefaults], guards: guardDefaults, baselineMs: 0, applyMs: 60_000 },
  ...{ startedBy: 'test', note: '', state: 'paused', phase: 'applying', stage: 0 },
  ...{ startedAtMs: 0, stageAtMs: Date.now(), soakAtMs: null, endedAtMs: null },
  ...{ order: [], told: [], liveAtMs: {}, baseline: {}, why: null, stoppedBy: null, steps: [] },
});

async function open(url: string, index: number, folder: string) {
  const { id, privateKey } = pairs[index] as (typeof pairs)[number];
  const directory = mkdtempSync(join(folder, `${id}-`));
  const log = createLog('error', id);
  const bus = new Bus({
    ...{ servers: [url], name: id, inboxPrefix: `_INBOX_${id}`, tls: null, log },
    credentials: { kind: 'none' },
  });
  const state = openOrchestratorDatabase(directory);
  const isLeading = { isLeader: true, leader: { id, address: '' } };
  const conductor = new RolloutConductor({
    ...{ fleet: 'f', self: id, trust, signingKey: privateKey, bus, log, wallMs: Date.now },
    registry: { list: () => [], find: () => null } as unknown as NodeRegistry,
    // Whatever the lock says: what is written has to hold without it.
    leader: isLeading as unknown as LeaderLock,
    store: new RolloutStore(state, directory),
    setProblem: () => {},
  });
  bus.open();
  await until('connected', () => bus.state === 'connected');
  return {
    ...{ bus, conductor },
    [Symbol.asyncDispose]: async () => {
      await conductor.close();
      await bus.close();
      state.close();
    },
  };
}

describe('the plan of rollouts', { skip: needsNats() }, () => {
  it('is written by one of two leaders; the other stops, reads, and goes on from there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-plan-'));
    await using server = await startNatsServer();
    {
      await using one = await open(server.url, 0, folder);
      await using two = await open(server.url, 1, folder);
      const keys = new KeyValue(one.bus, 'WEIR_f_R');
      const set = async () => {
        const entry = await keys.get('set');
        assert.ok(entry !== null);
        const terms = { fleet: 'f', trust, nowMs: Date.now() };
        const found = readDocument('rule-set', ruleSet, entry.bytes, terms);
        assert.ok(found.ok);
        return found.body;
      };
      await one.conductor.change(() => rolloutOf('a'));
      assert.deepEqual(
        (await set()).items.map(({ name }) => name),
        ['a'],
      );
      // It reads first, so it knows of the first.
      await two.conductor.change((plan) => {
        assert.deepEqual(
          plan.rollouts.map(({ id }) => id),
          ['a'],
        );
        return { ...rolloutOf('a'), state: 'done' };
      });
      // The first has heard nothing of it and goes on as it was.
      await assert.rejects(
        one.conductor.change(() => ({ ...rolloutOf('a'), told: ['x'] })),
        /another orchestrator has written the plan meanwhile/,
      );
      assert.deepEqual((await set()).items[0]?.nodes, null, 'nodes were told nothing by it');
      assert.equal((await set()).issuer, 'two');
      await one.conductor.change((plan) => {
        assert.equal(plan.rollouts[0]?.state, 'done', 'read by now');
        return rolloutOf('b');
      });
      assert.deepEqual(
        (await set()).items.map(({ name }) => name),
        ['a', 'b'],
      );

      const both = await Promise.allSettled([
        one.conductor.change(() => ({ ...rolloutOf('b'), note: 'one' })),
        two.conductor.change(() => ({ ...rolloutOf('b'), note: 'two' })),
      ]);
      const written = both.filter(({ status }) => status === 'fulfilled');
      assert.equal(written.length, 1, JSON.stringify(both));
    }
    rmSync(folder, { recursive: true });
  });

  it('that is damaged on the disk is none, and the orchestrator starts without', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-plan-'));
    const state = openOrchestratorDatabase(folder);
    const store = new RolloutStore(state, folder);
    assert.equal(store.plan(), null);
    store.putPlan(new Uint8Array([1, 2, 3]));
    assert.deepEqual([...(store.plan() ?? [])], [1, 2, 3]);
    const { privateKey } = pairs[0] as (typeof pairs)[number];
    const conductor = new RolloutConductor({
      ...{ fleet: 'f', self: 'one', trust, signingKey: privateKey, wallMs: Date.now, store },
      bus: { state: 'closed' } as unknown as Bus,
      registry: { list: () => [] } as unknown as NodeRegistry,
      leader: { isLeader: false, leader: null } as unknown as LeaderLock,
      ...{ log: createLog('silent' as 'error', 'test'), setProblem: () => {} },
    });
    assert.deepEqual([conductor.sequence, conductor.plan.rollouts.length], [0, 0]);
    state.close();
    rmSync(folder, { recursive: true });
  });
});
