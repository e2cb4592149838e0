/**
 * What does each transformation cost on a value that it leaves alone, and on one that it changes?
 *
 *     node bench/micro/transforms.ts
 *
 * Nanoseconds for one value of 24 bytes and one of 1 KB, and GB/s for the long one; the fastest of seven rounds.
 * Every result is checked against a naive twin first.
 */
import { transformationNames } from '../../src/waf/language/transformation-names.ts';
import { loadEngineParts, partOf } from '../../test/support/engine-parts.ts';
import { naive } from '../../test/support/transformation-cases.ts';

const parts = await loadEngineParts();
const memory = Buffer.from(parts.memory.buffer);
const run = partOf(parts, 'runTransform');
const repeat = partOf(parts, 'repeatTransform');
const into = parts.room + (1 << 20);
const plain = 'blue running shoes size 42 in stock';
const coded = 'Blue%20Shoes+&lt;b&gt; \\x41\\u0042 /* c */ /a/../b/./c \'\\\\"^ \0 \xc2\xa9 ';
const text = (unit: string, bytes: number): string =>
  unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);

function nanoseconds(id: number, length: number): number {
  const times = Math.max(200, Math.floor(2_000_000 / (length + 50)));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; round++) {
    const startedAt = performance.now();
    repeat(id, parts.room, length, into, times);
    best = Math.min(best, performance.now() - startedAt);
  }
  return (best * 1e6) / times;
}

const columns: readonly (readonly [string, string, number])[] = [
  ['plain 24 B', plain, 24],
  ['plain 1 KB', plain, 1_024],
  ['coded 24 B', coded, 24],
  ['coded 1 KB', coded, 1_024],
];
process.stdout.write(
  `${'ns'.padEnd(20)}${columns.map(([name]) => name.padStart(12)).join('')}   plain GB/s\n`,
);
for (const [id, name] of transformationNames.entries()) {
  const costs = columns.map(([, unit, bytes]) => {
    const value = text(unit, bytes);
    const length = memory.write(value, parts.room, 'latin1');
    const written = run(id, parts.room, length, into);
    const output = written < 0 ? value : memory.toString('latin1', into, into + written);
    const expected = naive[name]?.(value);
    if (expected !== undefined && expected !== output)
      throw new Error(`${name} is wrong on ${columns}`);
    return nanoseconds(id, length);
  });
  const rate = 1_024 / (costs[1] ?? Number.NaN);
  process.stdout.write(
    `${name.padEnd(20)}${costs.map((cost) => cost.toFixed(0).padStart(12)).join('')}${rate.toFixed(1).padStart(13)}\n`,
  );
}
