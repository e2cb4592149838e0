/** Source maps beside modules: found by the hash of the module, and bounded all together. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { SourceMapFiles } from '#state/source-map-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-maps-'));
after(() => rmSync(folder, { recursive: true }));
const [first, second] = ['a'.repeat(64), 'b'.repeat(64)] as const;

it('a map is found by its module, is its owner’s alone, and goes with it', async () => {
  const maps = new SourceMapFiles(join(folder, 'one'));
  assert.equal(await maps.read(first), null);
  assert.equal(await maps.put(first, '{}'), true);
  assert.equal(await maps.put(first, '{"version":3}'), true);
  assert.equal(await maps.put(second, '{}'), true);
  assert.equal(await maps.read(first), '{"version":3}');
  assert.equal(statSync(join(folder, 'one', `${first}.map`)).mode & 0o777, 0o600);
  await maps.collect(new Set([second]));
  assert.deepEqual(readdirSync(join(folder, 'one')), [`${second}.map`]);
});

it('maps share their room, and one that has none is not kept', async () => {
  const maps = new SourceMapFiles(join(folder, 'two'), 10);
  assert.equal(await maps.put(first, '1234567'), true);
  assert.equal(await maps.put(second, '1234'), false);
  assert.equal(await maps.read(second), null);
  // In its own place it counts once.
  assert.equal(await maps.put(first, '1234567890'), true);
});
