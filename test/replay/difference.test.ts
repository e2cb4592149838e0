import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Change, changeBetween, DifferenceSum } from '#replay/difference.ts';
import { mergeDifferences } from '#replay/merge-differences.ts';
import type { SideRun } from '#replay/rule-side.ts';

const run = (verdict: SideRun['verdict'], rules: readonly string[] = [], rule = ''): SideRun => ({
  ...{ verdict, kind: verdict === 'passed' ? null : 'block', rule, reason: '', target: '' },
  ...{ matched: '', rules, score: 0, answer: null, microseconds: 10, fuel: 100 },
});
const line = (id: string) => () => ({
  ...{ id, at: '', client: '', method: 'GET', host: 'a', target: '/', route: '* /', status: 200 },
});

describe('what differs', () => {
  const cases: readonly (readonly [SideRun, SideRun, Change | null])[] = [
    [run('passed'), run('passed'), null],
    [run('passed'), run('stopped'), 'newly-blocked'],
    [run('noted'), run('stopped'), 'newly-blocked'],
    [run('stopped'), run('passed'), 'newly-passed'],
    [run('stopped'), run('noted'), 'newly-passed'],
    [run('passed'), run('noted'), 'newly-noted'],
    [run('noted'), run('passed'), 'no-longer-noted'],
    [run('stopped', ['a'], 'a'), run('stopped', ['a'], 'a'), null],
    [run('stopped', ['a'], 'a'), run('stopped', ['b'], 'b'), 'changed-rules'],
    [run('passed', ['a']), run('passed', ['a', 'b']), 'changed-rules'],
  ];
  for (const [live, candidate, change] of cases)
    it(`is ${change ?? 'nothing'} from ${live.verdict} [${live.rules}] to ${candidate.verdict} [${candidate.rules}]`, () =>
      assert.equal(changeBetween(live, candidate), change));

  it('is counted whole and shown by so many examples', () => {
    const sum = new DifferenceSum(2);
    for (let i = 0; i < 5; i++) sum.add(line(`b${i}`), run('passed'), run('stopped'));
    sum.add(line('p'), run('stopped'), run('passed'));
    sum.add(line('u'), null, run('passed'));
    const { requests, unreadable, newlyBlocked, newlyPassed, stopped, cost, examples } = sum.sum();
    assert.deepEqual(
      { requests, unreadable, newlyBlocked, newlyPassed, stopped },
      {
        ...{ requests: 7, unreadable: 1, newlyBlocked: 5, newlyPassed: 1 },
        stopped: { live: 1, candidate: 5 },
      },
    );
    assert.deepEqual(
      examples.map(({ request }) => request.id),
      ['b0', 'b1', 'p'],
    );
    assert.deepEqual(cost.live, {
      ...{ runs: 6, meanMicroseconds: 10, p50Microseconds: 10, p99Microseconds: 10, meanFuel: 100 },
    });
  });

  it('says what became of bodies of answers that rules look at', () => {
    const sums = [new DifferenceSum(1), new DifferenceSum(1)];
    for (const sum of sums) {
      sum.noteRulesOnAnswers(1, 2);
      for (const answer of ['shown', 'shown', 'cut', 'missing', null] as const)
        sum.add(line('a'), run('passed'), { ...run('passed'), answer });
    }
    const { answers } = mergeDifferences(
      sums.map((sum) => sum.sum()),
      1,
    );
    assert.deepEqual(answers, { live: 1, candidate: 2, shown: 4, cut: 2, missing: 2 });
  });

  it('adds up over workers', () => {
    const [first, second] = [new DifferenceSum(1), new DifferenceSum(1)];
    first.add(line('a'), run('passed'), run('stopped'));
    second.add(line('b'), run('passed'), run('stopped'));
    second.add(line('c'), run('passed'), { ...run('passed'), microseconds: 40 });
    second.noteFailure('candidate', 'trap');
    const sum = mergeDifferences([first.sum(), second.sum()], 1);
    assert.equal(sum.requests, 3);
    assert.equal(sum.newlyBlocked, 2);
    assert.deepEqual(sum.failures, { live: 0, candidate: 1, last: 'trap' });
    assert.equal(sum.cost.candidate?.meanMicroseconds, 20);
    assert.equal(sum.cost.candidate?.p99Microseconds, 40);
    assert.deepEqual(
      sum.examples.map(({ request }) => request.id),
      ['a'],
    );
    assert.equal(mergeDifferences([], 1).cost.live, null);
  });
});
