/** When a member says its digest: not when all agree, once where one differs, ever more seldom where nobody agrees. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { DigestTurns } from '#fleet/digest-turns.ts';

const turnsOf = (root = 'own') => {
  let said = 0;
  const turns = new DigestTurns({ everyMs: 60_000, root: () => root, say: () => said++ });
  return { turns, said: () => said };
};

describe('turns of saying a digest', () => {
  it('come each minute, give or take a fifth', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { turns, said } = turnsOf();
    turns.start();
    test.mock.timers.tick(47_999);
    assert.equal(said(), 0);
    test.mock.timers.tick(24_001);
    assert.equal(said(), 1);
    turns.close();
    test.mock.timers.tick(200_000);
    assert.equal(said(), 1);
  });

  it('come at once where there is a bus again, and once for many who differ', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { turns, said } = turnsOf();
    turns.connected();
    assert.equal(said(), 1);
    for (let at = 0; at < 10; at++) turns.heard('other');
    test.mock.timers.tick(2_000);
    assert.equal(said(), 2);
    turns.close();
  });

  it('are left out where another says the same meanwhile', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { turns, said } = turnsOf();
    turns.heard('other');
    turns.heard('own');
    test.mock.timers.tick(10_000);
    assert.equal(said(), 0);
    turns.close();
  });

  it('come more and more seldom while nobody agrees, and at once again after somebody did', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    // The rests between answers are of the monotonic clock.
    let now = 0;
    const clock = mock.method(performance, 'now', () => now);
    const { turns, said } = turnsOf();
    const passes = (ms: number) => {
      for (let left = ms; left > 0; left -= 100) {
        turns.heard('other');
        now += 100;
        test.mock.timers.tick(100);
      }
    };
    passes(120_000);
    const many = said();
    assert.ok(many >= 5 && many <= 8, `${many} answers in two minutes`);
    turns.heard('own');
    passes(2_000);
    assert.ok(said() > many);
    clock.mock.restore();
    turns.close();
  });
});
