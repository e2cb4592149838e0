/** A hundred thousand entries: taken from batches, found again on disk. What it took is printed, not asserted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetMembers } from '../support/fleet-members.ts';

const t0 = Date.UTC(2026, 0, 5, 12);
const entries = 100_000;

describe('a hundred thousand fleet decisions', () => {
  it('are issued, taken and loaded', (test) => {
    using fleet = new FleetMembers(['a', 'b'], { a: { budget: entries } }, t0);
    const timed = <T>(what: string, work: () => T): T => {
      const from = performance.now();
      const result = work();
      test.diagnostic(`${what}: ${Math.round(performance.now() - from)} ms`);
      return result;
    };
    fleet.protected = ['10.250.0.0/16', '127.0.0.0/8', '::1', '192.168.1.1', '2001:db8::/32'];
    const drops = Array.from({ length: entries }, (_, index) =>
      fleet.drop(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, t0 + 3_600_000),
    );
    const [a, b] = [fleet.log('a'), fleet.log('b')];
    const { batches } = timed('issued', () => a.issue(drops, t0));
    assert.equal(batches.length, 100);
    test.diagnostic(`${Math.round((batches[0]?.bytes.length ?? 0) / 1_000)} KB a batch`);
    timed('accepted from 100 batches, a commit each', () => {
      for (const { bytes } of batches) assert.equal(b.accept(bytes, t0).kind, 'applied');
    });
    assert.equal(b.enforced.count, entries);
    assert.equal(b.digest().root, a.digest().root);
    const loaded = timed('loaded from disk', () => fleet.restart('b'));
    assert.equal(loaded.digest().root, a.digest().root);
    timed('a piece for a joiner', () =>
      loaded.piece({ buckets: null, after: null, bytesMax: 1e6 }),
    );
    timed('all of it once more, repeated', () => {
      for (const { bytes } of batches) assert.equal(loaded.accept(bytes, t0).kind, 'duplicate');
    });
    timed('expired', () => assert.equal(loaded.expire(t0 + 3_600_000).remove.length, entries));
    assert.equal(loaded.entries, 0);
  });
});
