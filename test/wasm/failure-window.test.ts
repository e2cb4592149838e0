/** How many failures in how short a time take a module out of service. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureWindow, failuresMax, failureWindowMs } from '#wasm/failure-window.ts';

const tripsAt = (times: readonly number[]): number => {
  const window = new FailureWindow();
  return times.findIndex((at) => window.note(at));
};
const every = (ms: number, count = 50): number[] => Array.from({ length: count }, (_, i) => i * ms);

describe('the window of failures', () => {
  it('is full with the fifth of five at once, from the first moment of a process on', () => {
    assert.equal(tripsAt([0, 0, 0, 0, 0]), failuresMax - 1);
    assert.equal(tripsAt([0, 0, 0, 0]), -1);
  });

  it('takes five within less than the time, and not five that need all of it', () => {
    const apart = failureWindowMs / (failuresMax - 1);
    assert.equal(tripsAt(every(apart - 1)), failuresMax - 1);
    assert.equal(tripsAt(every(apart)), -1);
  });

  it('forgets what is long ago', () => {
    const late = failureWindowMs * 3;
    assert.equal(tripsAt([0, 1, 2, 3, late, late + 1, late + 2, late + 3]), -1);
    assert.equal(tripsAt([0, 1, 2, 3, late, late + 1, late + 2, late + 3, late + 4]), 8);
  });
});
