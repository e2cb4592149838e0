/**
 * The prefilter: which of many entries (patterns, phrase sets) can match a subject at all? One pass over the
 * subject says which required literals are there (`trigrams.ts`) and which kinds of bytes; rows of bits turn
 * kinds, length and first byte into candidates (`scan.ts` of the guest). Layout in `format.ts`.
 */
import { Blob } from './blob.ts';
import { kindsTotal } from './byte-kinds.ts';
import { ScanWord } from './format.ts';
import type { KindForm } from './kind-forms.ts';
import { scanBitsMax } from './limits.ts';
import { type Requirement, tellableBytesMax } from './requirement.ts';
import { placeLiterals, trigramBits } from './trigrams.ts';

const laneBits = 4;
const lanes = kindsTotal / laneBits;
const lengthRows = tellableBytesMax + 1;

/** Throws `RangeError` where there are more entries than `scanBitsMax`. */
export function compileScanSet(entries: readonly Requirement[]): Uint8Array {
  if (entries.length > scanBitsMax)
    throw new RangeError(`${entries.length} entries in one scan set; at most ${scanBitsMax}`);
  const rows = new Rows(entries.length);
  const blob = new Blob(0, ScanWord.headWords);
  blob.setWord(ScanWord.words, rows.words);
  blob.setWord(ScanWord.bits, entries.length);
  addLiterals(blob, entries, rows);
  const always = rows.of((entry) => entries[entry]?.literals === null);
  blob.setWord(ScanWord.alwaysAt, blob.add(always));
  addLanes(blob, entries, rows);
  const lengths = Array.from({ length: lengthRows }, (_, length) =>
    rows.of((entry) => length === lengthRows - 1 || (entries[entry]?.lengthMin ?? 0) <= length),
  );
  blob.setWord(ScanWord.lengthRows, lengthRows);
  blob.setWord(ScanWord.lengthsAt, blob.add(joined(lengths)));
  addFirsts(blob, entries, rows);
  addForms(blob, entries, rows);
  return blob.finish();
}

/** Bit sets over the entries. */
class Rows {
  readonly entries: number;
  /** Even, as the guest takes two at a time. */
  readonly words: number;

  constructor(entries: number) {
    this.entries = entries;
    this.words = Math.max(2, ((entries + 127) >> 7) * 2);
  }

  of(holds: (entry: number) => boolean): Uint32Array {
    const row = new Uint32Array(this.words * 2);
    for (let entry = 0; entry < this.entries; entry++)
      if (holds(entry)) row[entry >> 5] = (row[entry >> 5] as number) | (1 << (entry & 31));
    return row;
  }
}

function joined(rows: readonly Uint32Array[]): Uint32Array {
  const length = rows[0]?.length ?? 0;
  const all = new Uint32Array(rows.length * length);
  rows.forEach((row, index) => {
    all.set(row, index * length);
  });
  return all;
}

function addLiterals(blob: Blob, entries: readonly Requirement[], rows: Rows): void {
  const owners = new Map<string, number[]>();
  entries.forEach(({ literals }, entry) => {
    for (const literal of new Set(literals ?? [])) {
      const its = owners.get(literal);
      if (its === undefined) owners.set(literal, [entry]);
      else its.push(entry);
    }
  });
  // Neighbours in the alphabet have beginnings in common, which is what compression goes by.
  const filter = placeLiterals([...owners.keys()].toSorted());
  const numbers = new Map<string, number>();
  const distinct: Uint32Array[] = [];
  const rowOf = (literal: string): number => {
    const its = owners.get(literal) ?? [];
    const key = its.join();
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, distinct.length);
    return distinct.push(rows.of((entry) => its.includes(entry))) - 1;
  };
  const { classOf, literals, indexes, checks, records } = filter;
  blob.setWord(ScanWord.classesAt, blob.add(classOf));
  blob.setWord(ScanWord.literals, literals.length);
  const add = (word: number, part: Uint8Array | Uint32Array): void =>
    blob.setWord(word, blob.add(part));
  add(
    ScanWord.literalBytesAt,
    Uint8Array.from(literals, ({ literal }) => literal.length),
  );
  add(
    ScanWord.literalPlacesAt,
    Uint8Array.from(literals, ({ window }) => window),
  );
  add(
    ScanWord.literalRowsAt,
    Uint32Array.from(literals, ({ literal }) => rowOf(literal)),
  );
  const text = literals.map(({ literal }) => literal).join('');
  add(ScanWord.literalTextAt, Buffer.from(text, 'latin1'));
  blob.setWord(ScanWord.rowsAt, blob.add(joined(distinct)));
  const room = (word: number, bytes: number): void =>
    blob.setWord(word, blob.add(new Uint8Array(bytes)));
  room(ScanWord.trigramsAt, (1 << trigramBits) / 4);
  room(ScanWord.ranksAt, (1 << trigramBits) / 16);
  room(ScanWord.checkListsAt, (indexes + 2) * 4);
  room(ScanWord.checkNumbersAt, checks * 4);
  room(ScanWord.checksAt, records * 32);
}

/** For each four bits of the kinds and each value of them: who is satisfied? */
function addLanes(blob: Blob, entries: readonly Requirement[], rows: Rows): void {
  const lane = (mask: bigint, number: number): number =>
    Number((mask >> BigInt(number * laneBits)) & 15n);
  const table = (holds: (entry: Requirement, number: number, value: number) => boolean) =>
    joined(
      Array.from({ length: lanes * 16 }, (_, index) =>
        rows.of((entry) => {
          const requirement = entries[entry];
          return requirement !== undefined && holds(requirement, index >> 4, index & 15);
        }),
      ),
    );
  blob.setWord(
    ScanWord.allLanesAt,
    blob.add(table(({ allKinds }, number, value) => (lane(allKinds, number) & ~value) === 0)),
  );
  const tables = Math.max(0, ...entries.map(({ anyKinds }) => anyKinds.length));
  const parts = Array.from({ length: tables }, (_, set) =>
    table(({ anyKinds }, number, value) => {
      const any = anyKinds[set];
      return any === undefined || (lane(any, number) & value) !== 0;
    }),
  );
  blob.setWord(ScanWord.anyTables, tables);
  blob.setWord(ScanWord.anyLanesAt, tables === 0 ? 0 : blob.add(joined(parts)));
}

function addFirsts(blob: Blob, entries: readonly Requirement[], rows: Rows): void {
  const numbers = new Map<string, number>();
  const distinct: Uint32Array[] = [];
  const ofByte = Uint8Array.from({ length: 256 }, (_, byte) => {
    const row = rows.of((entry) => entries[entry]?.firstBytes?.[byte] !== 0);
    const key = row.join();
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, distinct.length);
    return distinct.push(row) - 1;
  });
  blob.setWord(ScanWord.firstOfByteAt, blob.add(ofByte));
  blob.setWord(ScanWord.firstsAt, blob.add(joined(distinct)));
}

/** Each distinct form once, with all that ask for it. */
function addForms(blob: Blob, entries: readonly Requirement[], rows: Rows): void {
  const owners = new Map<string, { readonly form: KindForm; readonly its: number[] }>();
  entries.forEach(({ form }, entry) => {
    if (form === null) return;
    const known = owners.get(form.join());
    if (known === undefined) owners.set(form.join(), { form, its: [entry] });
    else known.its.push(entry);
  });
  const records = new Uint32Array(owners.size * 4);
  [...owners.values()].forEach(({ form, its }, index) => {
    const setsAt = blob.add(BigUint64Array.from(form));
    const others = blob.add(rows.of((entry) => !its.includes(entry)));
    const own = blob.add(rows.of((entry) => its.includes(entry)));
    records.set([form.length, setsAt, others, own], index * 4);
  });
  blob.setWord(ScanWord.forms, owners.size);
  blob.setWord(ScanWord.formsAt, records.length === 0 ? 0 : blob.add(records));
}
