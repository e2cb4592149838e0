/** The life of a node as the orchestrator sees it, by clocks of the test's own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Beat, Hello } from '#fleet/messages.ts';
import { NodeRegistry } from '#orchestrator/node-registry.ts';
import { openOrchestratorDatabase } from '#orchestrator/orchestrator-database.ts';
import type { StateDatabase } from '#state/state-database.ts';

const hello = (node: string, startedAtMs = 1): Hello => ({
  ...{ v: 1, node, addresses: [], region: null, tags: [], version: '1', modules: {} },
  ...{ shield: 'accept', startedAtMs, admin: '127.0.0.1:9999' },
});
const beat = (node: string, state: Beat['state'] = 'ready' as Beat['state']): Beat => ({
  ...{ v: 1, node, atMs: 1, state, metrics: {}, digestRoot: '0'.repeat(8), rules: '0'.repeat(8) },
  degraded: [],
});
const ending = 'ending' as Beat['state'];
const draining = 'draining' as Beat['state'];

describe('the registry of nodes', () => {
  let folder: string;
  let state: StateDatabase;
  let registry: NodeRegistry;
  let died: string[];
  let nowMs: number;
  const open = () =>
    new NodeRegistry({
      state,
      deadAfterMs: 30_000,
      forgetAfterMs: 3_600_000,
      nodesMax: 3,
      wallMs: () => 1_000_000 + nowMs,
      monotonicMs: () => nowMs,
      onDeath: ({ id }) => died.push(id),
    });
  const pass = (ms: number) => {
    nowMs += ms;
    registry.sweep();
  };
  const stateOf = (id: string) => registry.find(id)?.state;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-registry-'));
    state = openOrchestratorDatabase(folder);
    nowMs = 0;
    died = [];
    registry = open();
    registry.listen(true);
  });
  afterEach(() => {
    state.close();
    rmSync(folder, { recursive: true });
  });

  it('registered, active with its first beat, dead after 30 s without one and not before', () => {
    assert.equal(registry.beat(beat('a')), false, 'nobody knows it yet');
    registry.hello(hello('a'));
    assert.equal(stateOf('a'), 'registered');
    registry.beat(beat('a'));
    assert.equal(stateOf('a'), 'active');
    pass(29_999);
    assert.deepEqual([stateOf('a'), died], ['active', []]);
    pass(1);
    assert.deepEqual([stateOf('a'), died], ['dead', ['a']]);
    pass(60_000);
    assert.deepEqual(died, ['a'], 'once');
    registry.beat(beat('a'));
    assert.equal(stateOf('a'), 'active', 'it was there after all');
  });

  it('what was told to end, or says so itself, is gone and not dead', () => {
    for (const id of ['a', 'b', 'c']) {
      registry.hello(hello(id));
      registry.beat(beat(id));
    }
    registry.plan('a', 'draining');
    registry.beat(beat('a'));
    assert.equal(stateOf('a'), 'draining', 'a beat that was under way takes nothing back');
    registry.plan('a', 'terminating');
    registry.beat(beat('b', draining));
    registry.beat(beat('c', ending));
    assert.deepEqual(['a', 'b', 'c'].map(stateOf), ['terminating', 'draining', 'gone']);
    pass(30_000);
    assert.deepEqual(['a', 'b', 'c'].map(stateOf), ['gone', 'gone', 'gone']);
    assert.deepEqual(died, []);
  });

  it('a node that starts anew begins its life again', () => {
    registry.hello(hello('a'));
    registry.beat(beat('a', ending));
    registry.hello(hello('a', 2));
    assert.equal(stateOf('a'), 'registered');
    registry.beat(beat('a'));
    registry.plan('a', 'terminating');
    registry.hello(hello('a', 2));
    assert.equal(stateOf('a'), 'terminating', 'the same one again');
  });

  it('nobody dies while nobody can be heard, nor at once when they can be again', () => {
    registry.hello(hello('a'));
    registry.beat(beat('a'));
    registry.listen(false);
    pass(600_000);
    registry.listen(true);
    pass(29_999);
    assert.equal(stateOf('a'), 'active');
    pass(1);
    assert.equal(stateOf('a'), 'dead');
  });

  it('knows all of them after a restart, and gives them their time', () => {
    registry.hello(hello('a'));
    registry.beat(beat('a'));
    registry.hello(hello('b'));
    registry.beat(beat('b', ending));
    registry.flush();
    state.close();
    state = openOrchestratorDatabase(folder);
    nowMs += 600_000;
    registry = open();
    registry.listen(true);
    registry.sweep();
    assert.deepEqual(['a', 'b'].map(stateOf), ['active', 'gone']);
    assert.equal(registry.find('a')?.beat?.digestRoot, '0'.repeat(8));
    pass(30_000);
    assert.deepEqual(died, ['a']);
  });

  it('holds as many as its bound, counts the others, and forgets who ended long ago', () => {
    for (const id of ['a', 'b', 'c', 'd']) registry.hello(hello(id));
    assert.deepEqual([registry.list().length, registry.refused], [3, 1]);
    for (const id of ['a', 'b', 'c']) registry.beat(beat(id, ending));
    pass(3_600_001);
    assert.equal(registry.list().length, 0);
    registry.hello(hello('d'));
    assert.equal(stateOf('d'), 'registered');
  });
});
