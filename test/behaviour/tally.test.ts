/** What a worker has seen since it told last. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addressesMax, Tally } from '#behaviour/tally.ts';

it('sums by address and by route, and begins anew once it is told', () => {
  const tally = new Tally();
  assert.ok(tally.isEmpty);
  tally.note('192.0.2.1', false, false);
  tally.note('192.0.2.1', true, true);
  tally.noteRoute('* /');
  assert.deepEqual(tally.take(), {
    addresses: [{ address: '192.0.2.1', requests: 2, errors: 1, violations: 1 }],
    routes: [{ route: '* /', requests: 1 }],
  });
  assert.ok(tally.isEmpty);
});

it('has room for so many addresses: who is there goes on, others are turned away', () => {
  const tally = new Tally();
  for (let i = 0; i < addressesMax; i++) assert.ok(tally.note(`address ${i}`, false, false));
  assert.ok(tally.isFull);
  assert.equal(tally.note('one more', false, false), false);
  assert.equal(tally.note('address 0', false, false), true);
});
