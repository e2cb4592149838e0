import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { monotonicMs } from '../../src/core/clock.ts';
import { DeadlineTable, type Expiring, sweepMs } from '../../src/core/deadline-table.ts';

/** The sweep runs when the test says so; what is due is due by the real clock. */
function swept(entries: (table: DeadlineTable, fired: string[]) => void): string[] {
  mock.timers.enable({ apis: ['setInterval'] });
  const fired: string[] = [];
  const table = new DeadlineTable();
  entries(table, fired);
  mock.timers.tick(sweepMs);
  table.close();
  mock.timers.reset();
  return fired;
}

const entry = (
  name: string,
  inMs: number,
  fired: string[],
  then: () => void = () => {},
): Expiring => ({
  deadlineAt: monotonicMs() + inMs,
  deadlineSlot: -1,
  onDeadline: () => {
    fired.push(name);
    then();
  },
});

describe('the deadline table', () => {
  it('calls what is due, and only that', () => {
    const fired = swept((table, list) => {
      table.add(entry('due', -1, list));
      table.add(entry('later', 60_000, list));
      table.add({ ...entry('never', 0, list), deadlineAt: Number.POSITIVE_INFINITY });
    });
    assert.deepEqual(fired, ['due']);
  });

  it('follows a deadline that moves', () => {
    const fired = swept((table, list) => {
      const moved = entry('moved', -1, list);
      table.add(moved);
      moved.deadlineAt = monotonicMs() + 60_000;
    });
    assert.deepEqual(fired, []);
  });

  it('leaves out what an earlier one of the same sweep has removed', () => {
    const fired = swept((table, list) => {
      const second = entry('second', -1, list);
      table.add(entry('first', -1, list, () => table.remove(second)));
      table.add(second);
      table.add(entry('third', -1, list));
    });
    assert.deepEqual(fired, ['first', 'third']);
  });

  it('keeps its count when entries leave in any order, twice', () => {
    swept((table, list) => {
      const entries = ['a', 'b', 'c'].map((name) => entry(name, 60_000, list));
      for (const one of entries) table.add(one);
      table.remove(entries[0] as Expiring);
      table.remove(entries[0] as Expiring);
      assert.equal(table.size, 2);
      table.remove(entries[2] as Expiring);
      table.remove(entries[1] as Expiring);
      assert.equal(table.size, 0);
    });
  });
});
