/** Members whose key is not believed any more, and those that left: what of theirs goes, and what stays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTrust } from '#decisions/trust.ts';
import { reissueStolen } from '#orchestrator/stolen-keys.ts';
import { FleetMembers } from '../support/fleet-members.ts';

const startMs = 1_800_000_000_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;

function fleetOf() {
  const fleet = new FleetMembers(['a', 'b', 'o'], { o: { role: 'orchestrator' } }, startMs);
  /** Of a trust file in which `b` is as it is said. */
  const without = (stolenSinceMs: number) => {
    const key = fleet.trustFile.members.find(({ id }) => id === 'b')?.key ?? '';
    const members = fleet.trustFile.members.filter(({ id }) => id !== 'b');
    const made = parseTrust(JSON.stringify({ ...fleet.trustFile, members }), 'trust.json');
    const keyId = fleet.trust.member('b')?.keyId ?? '';
    assert.notEqual(key, '');
    const stolen = [{ id: 'b', keyId, sinceMs: stolenSinceMs }];
    Object.defineProperty(made, 'roster', { value: { version: 2, owner: '', stolen, text: '' } });
    return made;
  };
  return { fleet, without };
}

describe('decisions of a member that is not believed any more', () => {
  it('go at once, what stands behind them comes forth, and a start brings none of them back', () => {
    const { fleet, without } = fleetOf();
    using _ = fleet;
    const a = fleet.log('a');
    const b = fleet.log('b');
    const day = a.issue([fleet.drop('192.0.2.1', startMs + 24 * hourMs)], startMs);
    b.issue([fleet.drop('192.0.2.2', startMs + hourMs)], startMs);
    const short = b.issue([fleet.drop('192.0.2.1', startMs + hourMs)], startMs + minuteMs);
    const own = b.issue([fleet.drop('192.0.2.3', startMs + hourMs)], startMs + minuteMs);
    for (const { bytes } of [...short.batches, ...own.batches])
      assert.equal(a.accept(bytes, startMs + minuteMs).kind, 'applied');
    assert.equal(a.enforced.find('192.0.2.1')?.issuer, 'b');
    const gone = fleet.trust.replace(without(startMs));
    assert.deepEqual([...gone], ['b']);
    const change = a.distrust(gone, startMs + minuteMs);
    assert.deepEqual(change.remove, ['192.0.2.3']);
    assert.deepEqual(
      change.add.map(({ target, issuer }) => [target, issuer]),
      [['192.0.2.1', 'a']],
    );
    const root = a.digest().root;
    a.compact();
    const replayed = a.accept(own.batches[0]?.bytes ?? new Uint8Array(), startMs + minuteMs);
    assert.equal(replayed.kind, 'refused');
    const again = fleet.restart('a', startMs + minuteMs);
    assert.deepEqual([again.enforced.count, again.digest().root], [1, root]);
    assert.equal(day.batches.length, 1);
  });

  it('are issued again by an orchestrator before, those that were made before the theft', () => {
    const { fleet, without } = fleetOf();
    using _ = fleet;
    const o = fleet.log('o');
    const b = fleet.log('b');
    const honest = b.issue(
      [fleet.drop('192.0.2.1', startMs + hourMs), fleet.drop('192.0.2.2', startMs + hourMs)],
      startMs,
    );
    const cleared = b.issue([fleet.clear('192.0.2.2')], startMs + 1_000);
    const late = b.issue([fleet.drop('192.0.2.9', startMs + hourMs)], startMs + 10 * minuteMs);
    const nowMs = startMs + 11 * minuteMs;
    for (const { bytes } of [...honest.batches, ...cleared.batches, ...late.batches])
      assert.equal(o.accept(bytes, nowMs).kind, 'applied');
    const newer = without(startMs + 5 * minuteMs);
    const { batches, left } = reissueStolen(o, fleet.trust, newer, nowMs);
    assert.deepEqual([batches.length, left], [1, 0]);
    o.distrust(fleet.trust.replace(newer), nowMs);
    assert.deepEqual(
      [...o.enforced.all()].map(({ target, issuer, origin }) => [target, issuer, origin]),
      [['192.0.2.1', 'o', 'b: test']],
    );
    // The end of a block is one of its decisions: who comes late with the block itself does not bring it back.
    assert.equal(o.entries, 2);
    // Once: the key is not believed any more, so there is nothing to issue again.
    assert.deepEqual(reissueStolen(o, fleet.trust, newer, nowMs).batches, []);
  });

  it('stay where it left in peace, but for what it issued after that', () => {
    const { fleet } = fleetOf();
    using _ = fleet;
    const a = fleet.log('a');
    const b = fleet.log('b');
    const before = b.issue([fleet.drop('192.0.2.1', startMs + hourMs)], startMs);
    const later = b.issue([fleet.drop('192.0.2.2', startMs + hourMs)], startMs + 2 * minuteMs);
    const nowMs = startMs + 3 * minuteMs;
    for (const { bytes } of [...before.batches, ...later.batches]) a.accept(bytes, nowMs);
    const retired = new Date(startMs + minuteMs).toISOString();
    const members = fleet.trustFile.members.map((one) =>
      one.id === 'b' ? { ...one, retired } : one,
    );
    const newer = parseTrust(JSON.stringify({ ...fleet.trustFile, members }), 'trust.json');
    const gone = fleet.trust.replace(newer);
    assert.equal(gone.size, 0);
    assert.deepEqual(a.distrust(gone, nowMs).remove, ['192.0.2.2']);
    assert.equal(a.enforced.find('192.0.2.1')?.issuer, 'b');
    assert.equal(fleet.trust.members.length, 2);
  });
});
