import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockHits, hitTargetsMax } from '../../src/proxy/block-hits.ts';

test('as many entries as there is room for are counted, the others are counted as lost', () => {
  const hits = new BlockHits();
  for (let at = 0; at <= hitTargetsMax; at++)
    hits.note(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`, 'drop', '192.0.2.1');
  hits.note('10.0.0.0', 'drop', '192.0.2.1');
  assert.equal(hits.lost, 1);
  const taken = hits.take();
  assert.equal(taken.length, hitTargetsMax);
  assert.equal(taken[0]?.hits, 2);
  hits.note('10.255.0.0', 'drop', '192.0.2.1');
  assert.deepEqual([hits.take().length, hits.lost], [1, 1]);
});
