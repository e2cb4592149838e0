/** How decisions end: by themselves, by another one, and what is left of them on disk. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decisionLifeMaxMs } from '#decisions/decision.ts';
import { bytesOf, outcome, targetsOf } from '../support/decision-outcomes.ts';
import { FleetMembers } from '../support/fleet-members.ts';

const t0 = Date.UTC(2026, 0, 5, 12);
const hour = 3_600_000;

describe('a decision in a log', () => {
  it('ends what has ended, and what is in its way does not come back', () => {
    using fleet = new FleetMembers(['a', 'b', 'c'], {}, t0);
    const long = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + 10 * hour)], t0);
    fleet.log('b').accept(bytesOf(long), t0);
    // Shortened by who saw it, and c has not heard.
    const short = fleet.log('b').issue([fleet.drop('192.0.2.7', t0 + hour)], t0 + 1);
    fleet.log('a').accept(bytesOf(short), t0 + 1);
    fleet.log('c').accept(bytesOf(long), t0 + 1);
    for (const id of ['a', 'b']) {
      assert.deepEqual(fleet.log(id).expire(t0 + hour).remove, ['192.0.2.7']);
      assert.deepEqual(outcome(fleet.log(id).accept(bytesOf(long), t0 + hour)), 'duplicate');
      assert.deepEqual(targetsOf(fleet.restart(id, t0 + hour)), []);
    }
    assert.deepEqual(targetsOf(fleet.log('c')), ['192.0.2.7']);
    fleet.log('c').accept(bytesOf(short), t0 + hour);
    assert.deepEqual(targetsOf(fleet.log('c')), []);
    assert.deepEqual(fleet.log('c').digest(), fleet.log('a').digest());
    fleet.log('a').expire(t0 + 10 * hour);
    assert.equal(fleet.log('a').entries, 0);
  });

  it('lets go of no tombstone while a batch it cleared could still come', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const drop = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + decisionLifeMaxMs)], t0);
    // b never saw it, and clears all the same.
    let log = fleet.log('b');
    log.issue([fleet.clear('192.0.2.7')], t0 + 1);
    for (const nowMs of [t0 + hour, t0 + decisionLifeMaxMs - 1, t0 + decisionLifeMaxMs]) {
      log.expire(nowMs);
      log.compact();
      assert.notEqual(outcome(log.accept(bytesOf(drop), nowMs)), 'applied');
      log = fleet.restart('b', nowMs);
      assert.equal(log.entries, 1);
    }
    log.expire(t0 + decisionLifeMaxMs + 1);
    assert.equal(log.entries, 0);
  });

  it('does not bring an outlasted decision back when it starts anew', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const log = fleet.log('a');
    const both = ['192.0.2.7', '192.0.2.8'].map((target) => fleet.drop(target, t0 + 2 * hour));
    log.issue(both, t0);
    log.issue([fleet.clear('192.0.2.7')], t0 + 1);
    assert.deepEqual(targetsOf(fleet.restart('a', t0 + hour)), ['192.0.2.8']);
  });

  it('drops batches of which nothing counts from its disk', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const log = fleet.log('a');
    for (let round = 0; round < 5; round++)
      log.issue([fleet.drop('192.0.2.7', t0 + hour + round)], t0 + round);
    log.compact();
    assert.equal(log.batches, 1);
    assert.equal(fleet.restart('a').batches, 1);
    assert.equal(fleet.log('a').enforced.find('192.0.2.7')?.expiresAtMs, t0 + hour + 4);
  });

  it('says small batches of its own again in one, which changes nothing for anybody', () => {
    using fleet = new FleetMembers(['a', 'b', 'c'], {}, t0);
    const [a, b] = [fleet.log('a'), fleet.log('b')];
    for (let index = 0; index < 300; index++) {
      const drop = fleet.drop(`10.0.${index >> 8}.${index & 255}`, t0 + hour);
      b.accept(bytesOf(a.issue([drop], t0 + index)), t0 + index);
    }
    const digest = a.digest();
    const again = a.reissue(t0 + 1_000);
    assert.ok(again !== null);
    assert.equal(again.batches.length, 1);
    assert.deepEqual(again.change, { add: [], remove: [] });
    const result = b.accept(bytesOf(again), t0 + 1_000);
    assert.deepEqual(result.kind === 'applied' && result.change, { add: [], remove: [] });
    for (const log of [a, b]) {
      log.compact();
      assert.deepEqual(log.digest(), digest);
      assert.equal(log.batches, 1);
    }
    assert.deepEqual(fleet.restart('b').digest(), digest);
    fleet.log('c').accept(bytesOf(again), t0 + 1_000);
    assert.deepEqual(fleet.log('c').digest(), digest);
    assert.equal(a.reissue(t0 + 60_000), null);
  });
});
