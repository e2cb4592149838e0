/** The two sides of the binary formats, and of the kinds of bytes, are one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kindNumbers, kindsIn, kindsOf } from '#waf/match/byte-kinds.ts';
import * as format from '#waf/match/format.ts';
import { lazyItemsMax, scanBitsMax } from '#waf/match/limits.ts';
import { matchGuest } from '../../support/match-guest.ts';

const folder = join(import.meta.dirname, '../../../wasm-rules/engine/match');
const guestText = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** `export namespace X { export const a: usize = 1; … }` as an object. */
function namespacesOf(text: string): Record<string, Record<string, number>> {
  return Object.fromEntries(
    [...text.matchAll(/export namespace (\w+) \{([^}]*)\}/g)].map(([, name = '', body = '']) => [
      name,
      Object.fromEntries(
        [...body.matchAll(/export const (\w+): \w+ = (\d+);/g)].map(([, key = '', value]) => [
          key,
          Number(value),
        ]),
      ),
    ]),
  );
}

test('compiler and guest name the same numbers', () => {
  const guest = namespacesOf(guestText('format.ts'));
  const { captureWordsMax, ...tables } = format;
  assert.deepEqual(
    guest,
    Object.fromEntries(Object.entries(tables).map(([k, v]) => [k, { ...v }])),
  );
  assert.match(guestText('capture.ts'), new RegExp(`wordsMax: usize = ${captureWordsMax};`));
  const { firstLetter, ...kinds } = namespacesOf(guestText('byte-kinds.ts'))['Kind'] ?? {};
  assert.deepEqual(kinds, kindNumbers);
  assert.deepEqual(kindsOf(0x62), [firstLetter]);
});

test('limits of the guest are those of the compiler', () => {
  const written = lazyItemsMax.toString().replace(/(\d)(\d{3})$/, '$1_$2');
  assert.ok(guestText('lazy.ts').includes(`itemsMax: usize = ${written};`));
  assert.ok(guestText('scan.ts').includes(`hits: usize = memory.data(${scanBitsMax / 8}, 16);`));
});

test('every byte has the same kinds on both sides, and every kind has a byte', async () => {
  const guest = await matchGuest();
  let all = 0n;
  for (let byte = 0; byte < 256; byte++) {
    const subject = Uint8Array.of(byte);
    guest.setSubject(subject);
    const kinds = BigInt.asUintN(64, guest.exports.kindsIn(guest.subjectAt, 1));
    assert.equal(kinds, kindsIn(subject), `byte ${byte}`);
    all |= kinds;
  }
  assert.equal(all, (1n << 64n) - 1n);
});
