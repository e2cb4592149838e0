/** Source maps are from whoever wrote a module: whatever they hold, reading one ends, in places or in a reason. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sourceMapBytesMax } from '#core/module-files.ts';
import { findSourceMapFault } from '#toolchain/failure-place.ts';
import { SourceMap } from '#toolchain/source-map.ts';
import { propertySettings } from '../support/property.ts';

const mapOf = (parts: object) =>
  JSON.stringify({ version: 3, sources: ['a.ts'], mappings: 'AAAA,IACE', ...parts });

describe('a source map', () => {
  it('leads an offset to the place that begins at it or before', () => {
    const map = SourceMap.parse(mapOf({ sourcesContent: ['one\ntwo'] }));
    const first = { file: 'a.ts', line: 1, column: 1, text: 'one' };
    assert.deepEqual(map?.placeOf(0), first);
    assert.deepEqual(map?.placeOf(3), first);
    assert.deepEqual(map?.placeOf(4), { file: 'a.ts', line: 2, column: 3, text: 'two' });
    assert.deepEqual(map?.placeOf(1_000), map?.placeOf(4));
  });

  const texts: readonly (readonly [string, string, RegExp | null])[] = [
    ['as compilers write it', mapOf({}), null],
    ['without a place', mapOf({ mappings: '' }), null],
    ['of places in sources it does not name', mapOf({ mappings: 'A+++++DAA' }), null],
    ['of another version', mapOf({ version: 2 }), /is no source map of version 3/],
    ['of letters that are none', mapOf({ mappings: 'A!AA' }), /is no source map of version 3/],
    ['that ends in a number', mapOf({ mappings: 'AAAg' }), /is no source map of version 3/],
    ['of sources that are no texts', mapOf({ sources: [{}] }), /is no source map of version 3/],
    ['that is no JSON', '{"version":3', /is no source map of version 3/],
    ['of nothing', '', /is no source map of version 3/],
    [
      'nested as deep as there is room',
      '['.repeat(sourceMapBytesMax),
      /is no source map|cannot be/,
    ],
  ];
  for (const [what, text, says] of texts)
    it(`${what} is ${says === null ? 'taken' : 'told apart'}`, async () => {
      const fault = await findSourceMapFault(text);
      if (says === null) assert.equal(fault, null);
      else assert.match(String(fault), says);
    });

  it('as large as may be is read in its thread', async () => {
    const rest = sourceMapBytesMax - mapOf({ mappings: '' }).length;
    assert.equal(await findSourceMapFault(mapOf({ mappings: 'AAAA,'.repeat(rest / 5) })), null);
  });

  it('of any mappings gives a place or none for any offset', (t) => {
    const letters = fc.constantFrom(...'ABCDgh+/,;!Z9');
    fc.assert(
      fc.property(
        fc.string({ unit: letters, maxLength: 200 }),
        fc.array(fc.string(), { maxLength: 3 }),
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        (mappings, sources, offset) => {
          const map = SourceMap.parse(mapOf({ mappings, sources }));
          const place = map?.authorPlaceOf(offset) ?? null;
          if (place !== null) assert.ok(sources.includes(place.file));
        },
      ),
      propertySettings(t, 2_000),
    );
  });
});
