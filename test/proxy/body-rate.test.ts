/** By when how much of a request body must be there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyRate } from '#proxy/body-rate.ts';

const graceMs = 10_000;

describe('the least rate of a body', () => {
  it('is asked for after a time of grace, and over all that came', () => {
    const rate = new BodyRate();
    rate.start(1_000);
    assert.equal(rate.deadline(graceMs, 500), 11_000);
    rate.add(1);
    assert.equal(rate.deadline(graceMs, 500), 11_002);
    rate.add(4_999);
    assert.equal(rate.deadline(graceMs, 500), 21_000);
    assert.equal(rate.deadline(graceMs, 0), Number.POSITIVE_INFINITY);
  });

  it('does not count the time in which nobody read', () => {
    const rate = new BodyRate();
    rate.start(0);
    rate.pause(2_000);
    rate.pause(3_000);
    rate.resume(7_000);
    rate.resume(9_000);
    assert.equal(rate.deadline(graceMs, 500), 15_000);
  });

  it('begins anew with the next body', () => {
    const rate = new BodyRate();
    rate.start(0);
    rate.add(5_000);
    rate.pause(1_000);
    rate.start(30_000);
    assert.equal(rate.deadline(graceMs, 500), 40_000);
  });
});
