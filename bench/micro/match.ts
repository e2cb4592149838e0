/**
 * What does matching cost, a byte and a string, and what compiling?
 *
 *     node bench/micro/match.ts [paranoia level, 4]
 *
 * Patterns and phrases of the Core Rule Set (`../shared/crs`), request phases, up to the paranoia level. Strings are
 * those of ordinary requests: names, numbers, paths, headers, sentences, a little JSON. First the prefilter over
 * all strings, then each kind of table alone on strings long enough to see its pace, then the lazy tables on a
 * subject that makes a new state with each byte. Before anything is timed, answers are compared: a table and the
 * lazy table of the same pattern must agree on every string.
 */

import { type CompiledPattern, compilePattern } from '../../src/waf/match/compile-pattern.ts';
import { PatternKind } from '../../src/waf/match/format.ts';
import { parsePattern } from '../../src/waf/match/pattern-parser.ts';
import { compilePhraseSet } from '../../src/waf/match/phrase-set.ts';
import { compileScanSet } from '../../src/waf/match/scan-set.ts';
import { type CrsPattern, crsPatterns, crsPhrases } from '../../test/support/crs-patterns.ts';
import { matchGuest } from '../../test/support/match-guest.ts';
import { randomOf } from '../../test/support/random.ts';
import { ordinaryStrings } from '../support/ordinary-strings.ts';

const paranoia = Number(process.argv[2] ?? 4);
const rounds = 15;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const line = (name: string, text: string): void => console.log(`${name.padEnd(34)} ${text}`);

type Compiled = CrsPattern & { readonly compiled: CompiledPattern; readonly compileMs: number };

const wanted = crsPatterns().filter(
  ({ phase, paranoia: level }) => phase <= 2 && level <= paranoia,
);
const patterns = wanted.map(compileOne);
/** Of response phases. */
const notInRequests = /errors|web-shells/;
const phraseSets = [...crsPhrases()]
  .filter(([name]) => !notInRequests.test(name))
  .map(([name, phrases]) => ({
    name,
    compiled: compilePhraseSet(phrases),
  }));
const totalMs = patterns.reduce((sum, { compileMs }) => sum + compileMs, 0);
line(
  'patterns',
  `${patterns.length} at paranoia ${paranoia}, compiled in ${totalMs.toFixed(0)} ms`,
);
for (const kind of ['constant', 'literal', 'dfa', 'lazy'] as const) {
  const some = patterns.filter(({ compiled }) => compiled.kind === kind);
  const bytes = some.reduce((sum, { compiled }) => sum + compiled.bytes.length, 0);
  line(`  ${kind}`, `${some.length}, ${(bytes / 1024).toFixed(0)} KB`);
}
for (const { id, compileMs, compiled } of patterns
  .toSorted((a, b) => b.compileMs - a.compileMs)
  .slice(0, 3))
  line(`  slowest: ${id}`, `${compileMs.toFixed(0)} ms, ${compiled.kind}`);
const phraseBytes = phraseSets.reduce((sum, { compiled }) => sum + compiled.bytes.length, 0);
line('phrase sets', `${phraseSets.length}, ${(phraseBytes / 1024).toFixed(0)} KB`);
const startedAt = performance.now();
const entries = [...patterns, ...phraseSets].map(({ compiled }) => compiled.requirement);
const scanBlob = compileScanSet(entries);
line(
  'scan set',
  `${entries.length} entries, ${(scanBlob.length / 1024).toFixed(0)} KB, ${(performance.now() - startedAt).toFixed(0)} ms`,
);
const told = entries.filter(({ literals }) => literals !== null).length;
line(
  '  with literals',
  `${told}, ${entries.reduce((sum, { literals }) => sum + (literals?.length ?? 0), 0)} literals`,
);

const guest = await matchGuest({ cacheBytes: 4_194_304 });
const scanSet = guest.load(scanBlob);
const loaded = patterns.map((pattern) => ({ ...pattern, at: guest.load(pattern.compiled.bytes) }));
const strings = ordinaryStrings.map((text) => Buffer.from(text, 'latin1'));
const bytesTotal = strings.reduce((sum, { length }) => sum + length, 0);
compareAnswers();
timeScan();
timeConfirms();
timeTables();
timeLazy();
timePhrases();

function compileOne(pattern: CrsPattern): Compiled {
  const started = performance.now();
  const parsed = parsePattern(pattern.source);
  if ('problem' in parsed) throw new Error(`${pattern.id}: ${parsed.problem.words}`);
  const compiled = compilePattern(parsed);
  if ('problem' in compiled) throw new Error(`${pattern.id}: ${compiled.problem.words}`);
  return { ...pattern, compiled, compileMs: performance.now() - started };
}

/** Nanoseconds of one call, the least of some rounds: what others do on the machine only ever adds. */
function nanoseconds(calls: number, run: (times: number) => void): number {
  run(1);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    run(calls);
    times.push(((performance.now() - started) * 1e6) / calls);
  }
  return Math.min(...times);
}

function candidatesOf(subject: Uint8Array): number[] {
  const { bits } = guest.scan(scanSet, subject);
  return loaded.flatMap((_, index) => (((bits >> BigInt(index)) & 1n) === 1n ? [index] : []));
}

function compareAnswers(): void {
  for (const { id, source, compiled, at } of loaded
    .filter(({ compiled: { kind } }) => kind === 'dfa')
    .slice(0, 40)) {
    const parsed = parsePattern(source);
    if ('problem' in parsed) continue;
    const lazy = compilePattern(parsed, { alwaysLazy: true });
    if ('problem' in lazy) continue;
    const lazyAt = guest.load(lazy.bytes);
    for (const subject of strings)
      if (guest.match(at, subject) !== guest.match(lazyAt, subject))
        throw new Error(`${id}: ${compiled.kind} and lazy differ on ${subject.toString()}`);
  }
}

function timeScan(): void {
  const table = new Uint32Array(strings.length * 2);
  strings.forEach((text, index) => {
    table.set([guest.load(text), text.length], index * 2);
  });
  const tableAt = guest.load(new Uint8Array(table.buffer));
  const bitsAt = guest.load(new Uint8Array(1_024));
  const each = nanoseconds(40, (times) => {
    guest.exports.scanMany(scanSet, tableAt, strings.length, bitsAt, times);
  });
  line(
    'scan',
    `${(each / strings.length).toFixed(0)} ns a string, ${(each / bytesTotal).toFixed(2)} ns a byte; ${strings.length} strings of ${(bytesTotal / strings.length).toFixed(1)} bytes`,
  );
  for (const length of [0, 8, 64, 1024]) {
    const text = Buffer.from(
      'the quick brown fox jumps over 13 lazy dogs. '.repeat(25).slice(0, length),
    );
    const at = guest.load(text.length === 0 ? new Uint8Array(16) : text);
    const one = guest.load(new Uint8Array(Uint32Array.of(at, length).buffer));
    const ns = nanoseconds(Math.ceil(40_000 / (length + 20)), (times) => {
      guest.exports.scanMany(scanSet, one, 1, bitsAt, times);
    });
    line(`  ${length} bytes`, `${ns.toFixed(0)} ns`);
  }
  let candidates = 0;
  let clean = 0;
  const often = new Map<number, number>();
  for (const subject of strings) {
    const found = candidatesOf(subject);
    candidates += found.length;
    if (found.length === 0) clean++;
    for (const index of found) often.set(index, (often.get(index) ?? 0) + 1);
  }
  line(
    '  candidates',
    `${((100 * candidates) / (strings.length * loaded.length)).toFixed(2)} % of (pattern, string); ${((100 * clean) / strings.length).toFixed(0)} % of strings have none`,
  );
  const worst = [...often].sort((a, b) => b[1] - a[1]).slice(0, 12);
  line('  most often', worst.map(([index, times]) => `${loaded[index]?.id} ${times}`).join(', '));
}

function timeConfirms(): void {
  let total = 0;
  let calls = 0;
  for (const subject of strings) {
    const found = candidatesOf(subject);
    guest.setSubject(subject);
    for (const index of found) {
      const at = loaded[index]?.at ?? 0;
      total += nanoseconds(50, (times) => {
        guest.exports.matchMany(at, guest.subjectAt, subject.length, times);
      });
      calls++;
    }
  }
  line(
    'confirm',
    `${(total / strings.length).toFixed(0)} ns a string on average, ${(total / Math.max(1, calls)).toFixed(0)} ns a candidate`,
  );
}

function timeTables(): void {
  const text = Buffer.from(
    ordinaryStrings
      .join(' ')
      .replace(/[^a-z ]/gi, '')
      .slice(0, 4096),
  );
  for (const [name, kind] of [
    ['dfa', PatternKind.dfa],
    ['large dfa', PatternKind.largeDfa],
    ['literal', PatternKind.literal],
  ] as const) {
    const some = loaded.filter(
      ({ compiled: { bytes }, at }) =>
        bytes[0] === kind && guest.match(at, text) === 0 && bytes.length > 0,
    );
    const paces = some.slice(0, 30).map(({ at }) => {
      guest.setSubject(text);
      return (
        nanoseconds(20, (times) => {
          guest.exports.matchMany(at, guest.subjectAt, text.length, times);
        }) / text.length
      );
    });
    line(
      name,
      `${median(paces).toFixed(2)} ns a byte (${Math.min(...paces).toFixed(2)}–${Math.max(...paces).toFixed(2)}), ${some.length} patterns that read to the end`,
    );
  }
}

function timeLazy(): void {
  const lazy = loaded.filter(({ compiled: { kind } }) => kind === 'lazy');
  const random = randomOf(7);
  const alphabet = 'catlswhoamied;|&$ "\'\\()[]/-.0129xyz';
  const crafted = Buffer.from(
    Array.from({ length: 20_000 }, () =>
      alphabet.charCodeAt(Math.floor(random() * alphabet.length)),
    ),
  );
  for (const { id, at, compiled } of lazy) {
    guest.setSubject(crafted);
    const before = guest.exports.lazyStates();
    const flushes = guest.exports.lazyFlushes();
    const started = performance.now();
    const answer = guest.exports.matchPattern(at, guest.subjectAt, crafted.length);
    const cold = ((performance.now() - started) * 1e6) / crafted.length;
    const made = guest.exports.lazyStates() - before;
    const warm =
      nanoseconds(5, (times) => {
        guest.exports.matchMany(at, guest.subjectAt, crafted.length, times);
      }) / crafted.length;
    line(
      `lazy ${id}`,
      `${(compiled.bytes.length / 1024).toFixed(0)} KB; crafted: ${cold.toFixed(1)} ns a byte cold, ${warm.toFixed(2)} warm, ${made} states, ${guest.exports.lazyFlushes() - flushes} flushes${answer === 1 ? ', matches' : ''}`,
    );
  }
}

function timePhrases(): void {
  const text = Buffer.from(ordinaryStrings.join(' ').slice(0, 2048));
  const paces = phraseSets
    .map(({ compiled }) => {
      const set = guest.load(compiled.bytes);
      guest.setSubject(text);
      const found = guest.findPhrase(set, text);
      if (found !== null) return null;
      return (
        nanoseconds(20, (times) => {
          guest.exports.findMany(set, guest.subjectAt, text.length, times);
        }) / text.length
      );
    })
    .filter((pace) => pace !== null);
  line(
    'phrases',
    `${median(paces).toFixed(2)} ns a byte (${Math.min(...paces).toFixed(2)}–${Math.max(...paces).toFixed(2)}), ${paces.length} sets that read to the end`,
  );
}
