/** What the model of a fleet allows, and what it catches. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NemesisModel } from '../support/nemesis-model.ts';

type Step = readonly [
  kind: 'block' | 'unblock',
  member: string,
  outcome: 'acked' | 'saw' | 'unknown' | 'refused',
];

const cases: readonly {
  readonly what: string;
  readonly steps: readonly Step[];
  readonly allowed: readonly string[];
}[] = [
  { what: 'an acknowledged block holds', steps: [['block', 'a', 'acked']], allowed: ['op 1'] },
  {
    what: 'one without an answer may',
    steps: [['block', 'a', 'unknown']],
    allowed: ['op 1', 'absent'],
  },
  {
    what: 'one that was refused does not',
    steps: [['block', 'a', 'refused']],
    allowed: ['absent'],
  },
  {
    what: 'what its own member took away is gone',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'a', 'acked'],
    ],
    allowed: ['absent'],
  },
  {
    what: 'what another took away that had it is gone',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'b', 'saw'],
    ],
    allowed: ['absent'],
  },
  {
    what: 'whoever did not have it may have been earlier by its clock',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'b', 'acked'],
    ],
    allowed: ['op 1', 'absent'],
  },
  {
    what: 'an unblock without an answer leaves it open',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'a', 'unknown'],
    ],
    allowed: ['op 1', 'absent'],
  },
  {
    what: 'the block after it is the one that holds',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'b', 'saw'],
      ['block', 'b', 'acked'],
    ],
    allowed: ['op 3'],
  },
  {
    what: 'a member that held what others took away long since took away nothing else',
    steps: [
      ['block', 'a', 'acked'],
      ['unblock', 'b', 'saw'],
      ['block', 'b', 'acked'],
      ['unblock', 'a', 'saw'],
    ],
    allowed: ['op 3', 'absent'],
  },
  {
    what: 'of two that were there nobody knows which one it took away',
    steps: [
      ['block', 'a', 'acked'],
      ['block', 'b', 'acked'],
      ['unblock', 'c', 'saw'],
    ],
    allowed: ['op 1', 'op 2', 'absent'],
  },
];

describe('the model of a fleet', () => {
  for (const { what, steps, allowed } of cases)
    it(what, () => {
      const model = new NemesisModel();
      for (const [kind, member, outcome] of steps) {
        const operation = model.begin('192.0.2.1', kind, member);
        model.end(
          operation,
          outcome === 'saw' || outcome === 'acked'
            ? { kind: 'acked', sawBlock: outcome === 'saw' }
            : outcome === 'refused'
              ? { kind: 'refused', why: '' }
              : { kind: 'unknown' },
        );
      }
      assert.deepEqual([...model.allowed('192.0.2.1')].toSorted(), [...allowed].toSorted());
      for (const held of ['op 1', 'op 2', 'op 3', 'absent']) {
        const view = new Map(held === 'absent' ? [] : [['192.0.2.1', held]]);
        assert.equal(model.faultsOf('a', view).length === 0, allowed.includes(held), held);
      }
    });

  it('names what is lost, what came back and what nobody asked for', () => {
    const model = new NemesisModel();
    model.end(model.begin('192.0.2.1', 'block', 'a'), { kind: 'acked', sawBlock: false });
    model.end(model.begin('192.0.2.2', 'block', 'a'), { kind: 'acked', sawBlock: false });
    model.end(model.begin('192.0.2.2', 'unblock', 'a'), { kind: 'acked', sawBlock: true });
    const view = new Map([
      ['192.0.2.2', 'op 2'],
      ['192.0.2.3', 'op 9'],
    ]);
    assert.deepEqual(
      model.faultsOf('b', view).map((fault) => fault.split(' ')[0]),
      ['LOST', 'RESURRECTED', 'INVENTED'],
    );
  });
});
