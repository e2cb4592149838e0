/** Clients are asked to stop sending a while after their answer, and a bounded number of them waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineTable } from '#core/deadline-table.ts';
import type { FrameWriter } from '#proxy/http2/frame-writer.ts';
import { LateResets, lateResetsMax } from '#proxy/http2/late-resets.ts';

function waiting(): { resets: [number, number][]; late: LateResets; table: DeadlineTable } {
  const resets: [number, number][] = [];
  const table = new DeadlineTable();
  const frames = { reset: (id: number, code: number) => resets.push([id, code]) };
  return { resets, table, late: new LateResets(frames as unknown as FrameWriter, table) };
}

test('all that wait are reset without an error when it is time', () => {
  const { resets, late, table } = waiting();
  late.add(1);
  late.add(5);
  assert.deepEqual([resets, table.size], [[], 1]);
  late.onDeadline();
  assert.deepEqual(resets, [
    [1, 0],
    [5, 0],
  ]);
  assert.equal(table.size, 0);
  table.close();
});

test('more than may wait are reset at once', () => {
  const { resets, late, table } = waiting();
  for (let id = 1; id <= lateResetsMax; id++) late.add(id);
  assert.equal(resets.length, 0);
  late.add(lateResetsMax + 1);
  assert.equal(resets.length, lateResetsMax + 1);
  assert.equal(table.size, 0);
  table.close();
});

test('a session that is over asks for nothing', () => {
  const { resets, late, table } = waiting();
  late.add(1);
  late.drop();
  assert.deepEqual([resets, table.size], [[], 0]);
  table.close();
});
