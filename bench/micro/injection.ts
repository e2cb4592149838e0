/**
 * How much do detectSQLi and detectXSS catch, how often are they wrong, and what does one value cost?
 *
 *     node bench/micro/injection.ts
 *
 * Counts over the corpora beside libinjection's (Debian's `libmodsecurity3`, through koffi, where it is installed);
 * then nanoseconds for a value of each kind, the fastest of seven rounds.
 */
import { loadEngineParts, partOf } from '../../test/support/engine-parts.ts';
import {
  countOf,
  groupsOf,
  libinjection,
  missingCorpora,
  ownDetections,
} from '../../test/support/injection-rates.ts';

const parts = await loadEngineParts();
const own = ownDetections(parts);
const yard = libinjection();

if (missingCorpora !== false) process.stdout.write(`no rates: ${missingCorpora}\n`);
else
  for (const kind of ['sqli', 'xss'] as const)
    for (const { name, isAttack, rows } of groupsOf(kind)) {
      const found = countOf(rows, own[kind]);
      const theirs = yard === null ? 'not installed' : `${countOf(rows, yard[kind])}`;
      process.stdout.write(
        `${kind.padEnd(5)}${(isAttack ? 'caught' : 'false positives').padEnd(17)}${name.padEnd(28)}${String(found).padStart(6)} of ${String(rows.length).padStart(5)}   libinjection ${yard?.version ?? ''} ${theirs}\n`,
      );
    }

const values: readonly (readonly [string, string])[] = [
  ['a word', 'electronics'],
  ['a sentence', "We'd like two of the blue ones, and one in red (size 42)"],
  [
    'a user agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  ],
  ['1 KB of prose', 'The quick brown fox jumps over the lazy dog; it\'s "fun". '.repeat(18)],
  ['an SQL injection', "1' UNION SELECT name, pass FROM users-- -"],
  ['a cross-site script', '"><img src=x onerror=alert(1)>'],
];
const memory = Buffer.from(parts.memory.buffer);
const times = 20_000;
for (const [name, value] of values) {
  const length = memory.write(value, parts.room);
  const cost = (['repeatSqli', 'repeatXss'] as const).map((part) => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 7; round++) {
      const startedAt = performance.now();
      partOf(parts, part)(parts.room, length, times);
      best = Math.min(best, performance.now() - startedAt);
    }
    return Math.round((best * 1e6) / times);
  });
  process.stdout.write(
    `${name.padEnd(22)}${String(length).padStart(6)} bytes   sqli ${cost[0]} ns   xss ${cost[1]} ns\n`,
  );
}
