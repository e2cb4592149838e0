import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from '../../src/core/recent-map.ts';

test('it never holds more than its bound, and what is in use stays', () => {
  const map = new RecentMap<number, string>(10);
  map.set(-1, 'in use');
  for (let key = 0; key < 1_000; key++) {
    map.set(key, 'once');
    assert.equal(map.get(-1), 'in use');
    assert.ok(map.size <= 10);
    if (key > 3) assert.equal(map.get(key - 2), 'once');
  }
  assert.equal(map.get(0), undefined);
  assert.ok(map.forgotten > 900);
});

test('an entry is deleted from either half, and set anew is there once', () => {
  const map = new RecentMap<string, number>(4);
  map.set('old', 1);
  map.set('new', 2);
  map.set('newer', 3);
  assert.equal(map.delete('old'), true);
  assert.equal(map.delete('old'), false);
  map.set('new', 5);
  assert.equal(map.get('new'), 5);
  assert.equal(map.size, 2);
});
