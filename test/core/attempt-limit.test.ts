import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  AttemptLimit,
  attemptSourcesMax,
  attemptsMax,
  attemptWindowMs,
  sourceKey,
} from '#core/attempt-limit.ts';

it('lets ten failures a minute through and then says how long to wait', () => {
  let nowMs = 0;
  const limit = new AttemptLimit(() => nowMs);
  for (let attempt = 0; attempt < attemptsMax; attempt += 1)
    assert.equal(limit.fail('192.0.2.1'), null);
  nowMs = 20_000;
  assert.equal(limit.fail('192.0.2.1'), 40);
  assert.equal(limit.fail('192.0.2.2'), null, 'another address has its own count');
  nowMs = attemptWindowMs;
  assert.equal(limit.fail('192.0.2.1'), null, 'a new window');
});

it('keeps at most its bound of addresses, dropping the oldest', () => {
  const limit = new AttemptLimit(() => 0);
  for (let attempt = 0; attempt <= attemptsMax; attempt += 1) limit.fail('192.0.2.1');
  assert.notEqual(limit.fail('192.0.2.1'), null);
  for (let n = 0; n < attemptSourcesMax; n += 1) limit.fail(`10.0.${n >> 8}.${n & 255}`);
  assert.equal(limit.size, attemptSourcesMax);
  assert.equal(limit.fail('192.0.2.1'), null, 'its window was the oldest');
});

const callers = [
  { a: '192.0.2.1', b: '::ffff:192.0.2.1', same: true },
  { a: '192.0.2.1', b: '192.0.2.2', same: false },
  { a: '2001:db8:1:2:3:4:5:6', b: '2001:db8:1:2::9', same: true },
  { a: '2001:db8:1:2::9', b: '2001:db8:1:3::9', same: false },
  { a: 'fe80::1%eth0', b: 'fe80::2', same: true },
  { a: '::1', b: '127.0.0.1', same: false },
];
for (const { a, b, same } of callers) {
  it(`counts ${a} and ${b} ${same ? 'together' : 'apart'}`, () => {
    assert.equal(sourceKey(a) === sourceKey(b), same);
  });
}
