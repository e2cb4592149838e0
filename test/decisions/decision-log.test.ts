/** One member's log, and several that hear of each other: taken, refused, kept over a restart. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetMembers } from '../support/fleet-members.ts';

const t0 = Date.UTC(2026, 0, 5, 12);
const hour = 3_600_000;

describe('the decision log of a member', () => {
  it('hands a decision to another member, which enforces it', () => {
    using fleet = new FleetMembers(['a', 'b']);
    const { batches, change } = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + hour)], t0);
    assert.equal(batches.length, 1);
    assert.deepEqual(
      change.add.map(({ target, issuer }) => [target, issuer]),
      [['192.0.2.7', 'a']],
    );
    const result = fleet.log('b').accept(batches[0]?.bytes as Uint8Array, t0);
    assert.equal(result.kind, 'applied');
    assert.deepEqual(fleet.log('b').enforced.find('192.0.2.7'), change.add[0]);
    assert.deepEqual(fleet.log('a').digest(), fleet.log('b').digest());
    assert.equal(fleet.log('b').accept(batches[0]?.bytes as Uint8Array, t0).kind, 'duplicate');
  });
});
