/** What comes next in a rollout, of what nodes have said: each way it can go, without a node. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Check } from 'typebox/value';
import { guardDefaults } from '#rollout/guards.ts';
import { type Health, latencyBoundsMs, type RecentHealth } from '#rollout/health.ts';
import type { ItemState } from '#rollout/node-report.ts';
import { emptyPlan, movingOf, rolloutPlan, setOf, withRollout } from '#rollout/plan.ts';
import { type NodeView, nextOf, resoaked, stopped } from '#rollout/progress.ts';
import { itemOf, type Rollout, stepsMax, withStep } from '#rollout/rollout.ts';
import { wantedOf } from '#rollout/rule-set.ts';
import { stagesProblem } from '#rollout/stages.ts';

const sha = (digit: string): string => digit.repeat(64);
const module = (digit: string) =>
  ({ kind: 'module', sha256: sha(digit), bytes: 8, signature: null, cases: null }) as const;

const begun = (more: Partial<Rollout> = {}): Rollout => ({
  ...{ id: 'r-1', kind: 'module', name: 'own', content: module('a'), before: null },
  ...{ only: [], hold: [], guards: guardDefaults, baselineMs: 10_000, applyMs: 5_000 },
  stages: [
    { amount: 1, unit: 'nodes', soakMs: 1_000 },
    { amount: 50, unit: 'percent', soakMs: 1_000 },
    { amount: 100, unit: 'percent', soakMs: 1_000 },
  ],
  ...{ startedBy: 'owner', note: '', state: 'running', phase: 'measuring', stage: 0 },
  ...{ startedAtMs: 0, stageAtMs: 0, soakAtMs: null, endedAtMs: null },
  ...{ order: ['a', 'b', 'c', 'd'], told: [], liveAtMs: {}, baseline: {} },
  ...{ why: null, stoppedBy: null, steps: [] },
  ...more,
});

const calm = (requests: number): Health => ({
  ...{ requests, failed: 0, blocked: 0, moduleFailures: 0 },
  ...{ failedShare: 0, blockedShare: 0, p99Ms: 5 },
});

/** All of `requests` in one bucket, 2.5 to 5 ms but where another is given. */
const healthOf = (
  requests: number,
  { bucket = 2, ...more }: Partial<RecentHealth> & { bucket?: number } = {},
): RecentHealth => ({
  ...calm(requests),
  parts: [1, 2, 3, 4].map(() =>
    [...latencyBoundsMs, 0].map((_, index) => (index === bucket ? requests / 4 : 0)),
  ),
  ...more,
});

/** Nodes that do as they are told at once, but for what a test changes. */
class Scene {
  nowMs = 0;
  rollout: Rollout;
  readonly says = new Map<string, { state: ItemState; reason?: string }>();
  readonly life = new Map<string, NodeView['life']>();
  readonly health = new Map<string, RecentHealth>();
  readonly tags = new Map<string, string[]>();
  names = ['a', 'b', 'c', 'd'];
  running = new Map<string, string>();

  constructor(rollout = begun()) {
    this.rollout = rollout;
  }

  view(): NodeView[] {
    return this.names.map((id) => {
      const tags = this.tags.get(id) ?? [];
      const wanted = wantedOf(itemOf(this.rollout), id, tags, this.running.get(id) ?? null);
      const said = this.says.get(id) ?? {
        state: wanted.what === 'content' ? ('live' as const) : wanted.what,
      };
      if (said.state === 'live') this.running.set(id, this.rollout.id);
      const running = wanted.what === 'content' ? wanted.content.sha256 : null;
      return {
        ...{ id, tags, life: this.life.get(id) ?? 'there' },
        item: {
          ...{ kind: 'module', name: 'own', rollout: 'r-1', running, reason: '' },
          ...said,
        },
        healthSince: () => this.health.get(id) ?? null,
        healthNow: () => calm(1_000),
      };
    });
  }

  step(ms = 0): Rollout {
    this.nowMs += ms;
    this.rollout = nextOf(this.rollout, { nowMs: this.nowMs, nodes: this.view() });
    assert.ok(
      Check(rolloutPlan, {
        ...{ v: 1, fleet: 'f', issuer: 'o', sequence: 1, issuedAtMs: 1 },
        ...withRollout(emptyPlan, this.rollout),
      }),
      'can be kept',
    );
    return this.rollout;
  }

  /** Until it says one of these states, or a limit. */
  run(ms = 300): Rollout {
    for (let at = 0; at < 100; at++)
      if (['done', 'rolled-back'].includes(this.step(ms).state)) return this.rollout;
    return this.rollout;
  }
}

describe('a rollout', () => {
  it('goes through its stages, each after its time, and is done', () => {
    const scene = new Scene();
    const told: number[] = [];
    while (scene.step(100).state === 'running' && told.length < 200)
      if (told.at(-1) !== scene.rollout.told.length) told.push(scene.rollout.told.length);
    assert.deepEqual(told, [1, 2, 4]);
    assert.equal(scene.rollout.state, 'done');
    assert.equal(itemOf(scene.rollout).nodes, null, 'who comes later has it too');
    assert.ok(scene.nowMs >= 3_000, 'every soak was waited for');
  });

  it('waits for something to compare with, and not for ever', () => {
    const scene = new Scene();
    const quiet = {
      nowMs: 100,
      nodes: scene.view().map((node) => ({ ...node, healthNow: () => null })),
    };
    assert.equal(nextOf(scene.rollout, quiet), scene.rollout);
    const later = nextOf(scene.rollout, { ...quiet, nowMs: 10_000 });
    assert.equal(later.phase, 'applying');
    assert.match(later.steps[0]?.text ?? '', /0 of 4 nodes have traffic/);
  });

  const stops: readonly (readonly [string, (scene: Scene) => void, RegExp])[] = [
    [
      'a node refuses it',
      (scene) => scene.says.set('a', { state: 'refused', reason: 'no module "own"' }),
      /^a: it does not take it: no module "own"$/,
    ],
    [
      'it fails there and goes into quarantine',
      (scene) => scene.says.set('a', { state: 'differs', reason: 'in quarantine' }),
      /^a: it does not run it any more: in quarantine$/,
    ],
    ['a node dies of it', (scene) => scene.life.set('a', 'dead'), /^a: it died/],
    [
      'a node does not get to it',
      (scene) => scene.says.set('a', { state: 'pending', reason: 'no bytes' }),
      /^a: it does not run it 5 s after it was told to: no bytes$/,
    ],
    [
      'answers become errors',
      (scene) => scene.health.set('a', healthOf(100, { failed: 50, failedShare: 0.5 })),
      /^a: 50\.0 % of its answers are errors/,
    ],
    [
      'blocks change',
      (scene) => scene.health.set('a', healthOf(100, { blocked: 90, blockedShare: 0.9 })),
      /^a: 90\.0 % of its requests are blocked/,
    ],
    [
      'it takes longer',
      (scene) => scene.health.set('a', healthOf(100, { bucket: 8 })),
      /^a: 100 of 100 requests took longer than 25 ms/,
    ],
    [
      'modules fail',
      (scene) => scene.health.set('a', healthOf(100, { moduleFailures: 3 })),
      /^a: rule modules failed in 3 calls/,
    ],
  ];
  for (const [what, change, why] of stops)
    it(`stops at the first node and goes back when ${what}`, () => {
      const scene = new Scene();
      scene.step(10);
      change(scene);
      for (let at = 0; at < 100 && scene.rollout.state === 'running'; at++) scene.step(300);
      assert.equal(scene.rollout.state, 'rolling-back');
      assert.match(scene.rollout.why ?? '', why);
      assert.deepEqual([scene.rollout.told, scene.rollout.stoppedBy], [['a'], 'guard']);
      const item = itemOf(scene.rollout);
      assert.deepEqual([item.content, item.nodes, item.isTakenBack], [null, null, true]);
      scene.says.clear();
      scene.life.clear();
      assert.equal(scene.run().state, 'rolled-back');
    });

  it('a guard looks at a pause too, and a pause goes on by word alone', () => {
    const scene = new Scene();
    scene.step(10);
    scene.rollout = { ...scene.rollout, state: 'paused' };
    for (let at = 0; at < 50; at++) scene.step(1_000);
    assert.deepEqual([scene.rollout.state, scene.rollout.told.length], ['paused', 1]);
    scene.health.set('a', healthOf(100, { moduleFailures: 1 }));
    assert.equal(scene.step(1).state, 'rolling-back');
  });

  it('goes back to what was before, for whom that was', () => {
    const before = { content: module('b'), only: ['eu'], hold: [] };
    const item = itemOf(stopped(begun({ before, told: ['a', 'b'] }), 1, 'x', 'operator'));
    assert.deepEqual(wantedOf(item, 'a', ['eu'], 'r-1'), {
      ...{ what: 'content', content: module('b'), isNext: true },
    });
    assert.deepEqual(wantedOf(item, 'b', [], 'r-1'), { what: 'own' }, 'it had it of this rollout');
    assert.deepEqual(wantedOf(item, 'c', [], null), { what: 'held' });
  });

  it('a node that is held, or not meant, keeps what it runs, and one not yet told runs what was before', () => {
    const before = { content: module('b'), only: [], hold: ['old'] };
    const item = itemOf(begun({ told: ['a'], only: ['eu'], hold: ['pinned'], before }));
    assert.equal(wantedOf(item, 'a', ['eu', 'pinned'], null).what, 'held');
    assert.equal(wantedOf(item, 'a', [], null).what, 'held');
    assert.deepEqual(wantedOf(item, 'b', ['eu'], null), {
      ...{ what: 'content', content: module('b'), isNext: false },
    });
    assert.equal(wantedOf(item, 'b', ['eu', 'old'], null).what, 'held');
    assert.equal(wantedOf(itemOf(begun({ told: ['a'] })), 'b', [], null).what, 'own');
  });

  it('a node that comes in between stands behind the others, and has it with the last stage', () => {
    const scene = new Scene();
    scene.step(10);
    scene.names = ['a', 'b', 'c', 'd', 'e'];
    assert.deepEqual(scene.step(10).order, ['a', 'b', 'c', 'd', 'e']);
    assert.equal(scene.rollout.told.length, 1);
    assert.equal(scene.run().state, 'done');
    assert.equal(scene.rollout.told.length, 5);
  });

  it('a node that leaves as planned is not waited for', () => {
    const scene = new Scene();
    scene.step(10);
    scene.says.set('a', { state: 'pending' });
    scene.life.set('a', 'leaving');
    assert.equal(scene.run().state, 'done');
  });

  it('stops where nobody is there', () => {
    const scene = new Scene();
    scene.names = [];
    assert.equal(scene.step(20_000).state, 'rolled-back');
    assert.match(scene.rollout.why ?? '', /no node is there/);
  });

  it('says which node is not back yet when it has waited long enough', () => {
    const scene = new Scene(stopped(begun({ told: ['a', 'b'] }), 0, 'x', 'operator'));
    scene.says.set('b', { state: 'pending', reason: 'no bytes' });
    assert.equal(scene.step(1_000).state, 'rolling-back');
    assert.equal(scene.step(5_000).state, 'rolled-back');
    assert.match(scene.rollout.steps.at(-1)?.text ?? '', /not yet back: b \(no bytes\)/);
  });

  it('another orchestrator soaks the stage anew', () => {
    const soaking = begun({ phase: 'soaking', soakAtMs: 5, told: ['a'] });
    assert.equal(resoaked(soaking, 900, 'o').soakAtMs, 900);
    const applying = begun({ phase: 'applying' });
    assert.equal(resoaked(applying, 900, 'o'), applying);
  });

  it('keeps its first step and the newest', () => {
    let long = begun();
    for (let at = 0; at < stepsMax + 5; at++) long = withStep(long, at, `step ${at}`);
    assert.equal(long.steps.length, stepsMax);
    assert.deepEqual(
      [long.steps[0]?.text, long.steps.at(-1)?.text],
      ['step 0', `step ${stepsMax + 4}`],
    );
  });
});

describe('the set that nodes are told', () => {
  const head = { v: 1, fleet: 'f', issuer: 'o', sequence: 7, issuedAtMs: 7 } as const;

  it('has what moves in place of what was settled, and what ended as settled', () => {
    const first = withRollout(emptyPlan, { ...begun(), state: 'done' });
    assert.equal(setOf(first, head).isMoving, false);
    assert.deepEqual(
      setOf(first, head).items.map(({ nodes }) => nodes),
      [null],
    );
    const second = withRollout(first, {
      ...begun({ id: 'r-2', content: module('b'), told: ['a'] }),
    });
    const set = setOf(second, head);
    assert.deepEqual([set.isMoving, set.items.length, set.items[0]?.rollout], [true, 1, 'r-2']);
    assert.equal(movingOf(second)?.id, 'r-2');
    assert.equal(set.sequence, 7);
  });
});

describe('stages', () => {
  const nodes = (amount: number) => ({ amount, unit: 'nodes', soakMs: 0 }) as const;
  const percent = (amount: number) => ({ amount, unit: 'percent', soakMs: 0 }) as const;
  for (const [what, stages, good] of [
    ['one, a quarter, all', [nodes(1), percent(25), percent(100)], true],
    ['all at once', [percent(100)], true],
    ['without an end', [nodes(1), percent(50)], false],
    ['that do not grow', [percent(50), percent(50), percent(100)], false],
  ] as const)
    it(`${what}: ${good ? 'good' : 'refused'}`, () =>
      assert.equal(stagesProblem(stages) === null, good));
});
