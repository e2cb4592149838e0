/** `[…]`, as PCRE2 reads it (pcre2pattern(3), "Square brackets and character classes", "Posix"). */
import { addSet, type ByteSet, complementOf, posixSets, withBothCases } from './byte-set.ts';
import { readEscape } from './pattern-escape.ts';
import { PatternError, type PatternReader } from './pattern-reader.ts';

export type ClassFlags = {
  readonly ignoreCase: boolean;
  /** `(?xx)`: spaces and tabs inside a class mean nothing. */
  readonly isExtendedMore: boolean;
};

/** Behind the `[`, which is taken already. */
export function readClass(reader: PatternReader, flags: ClassFlags): ByteSet {
  const offset = reader.at - 1;
  const isNegated = reader.takeIf('^');
  const set = new Uint8Array(256);
  for (let isFirst = true; ; isFirst = false) {
    while (reader.takeIf('\\E'));
    if (flags.isExtendedMore && !isFirst) reader.takeMatch(/[ \t]*/y);
    if (reader.isAtEnd) reader.fail('a class is not closed: ] is missing', offset);
    if (!isFirst && reader.takeIf(']')) break;
    readItem(reader, set, flags);
  }
  const both = flags.ignoreCase ? withBothCases(set) : set;
  return isNegated ? complementOf(both) : both;
}

/** A byte, a range, a set of an escape, a POSIX class, a quoted stretch. */
function readItem(reader: PatternReader, set: ByteSet, flags: ClassFlags): void {
  const offset = reader.at;
  if (reader.takeIf('\\Q')) {
    readQuoted(reader, set);
    return;
  }
  const first = readMember(reader, flags);
  if (typeof first !== 'number') {
    if (reader.peek() === '-' && reader.peek(1) !== ']' && reader.peek(1) !== '')
      reader.fail('a range cannot begin with a set; write the hyphen last, or \\-', offset);
    addSet(set, first);
    return;
  }
  if (reader.peek() !== '-' || reader.peek(1) === ']' || reader.peek(1) === '') {
    set[first] = 1;
    return;
  }
  reader.at++;
  while (reader.takeIf('\\E'));
  if (reader.peek() === ']') {
    set[first] = set[0x2d] = 1;
    return;
  }
  const last = readMember(reader, flags);
  if (typeof last !== 'number')
    throw new PatternError(offset, 'a range cannot end with a set; write the hyphen last, or \\-');
  if (last < first) reader.fail('a range ends before it begins', offset);
  set.fill(1, first, last + 1);
}

function readMember(reader: PatternReader, flags: ClassFlags): number | ByteSet {
  if (reader.peek() === '[') {
    const posix = readPosix(reader, flags);
    if (posix !== null) return posix;
  }
  if (!reader.takeIf('\\')) return reader.take().charCodeAt(0);
  const escaped = readEscape(reader, true);
  if (escaped.kind === 'byte') return escaped.byte;
  if (escaped.kind === 'set') return escaped.set;
  return reader.fail('an assertion has no place inside a class');
}

function readQuoted(reader: PatternReader, set: ByteSet): void {
  while (!reader.isAtEnd && !reader.takeIf('\\E')) set[reader.take().charCodeAt(0)] = 1;
}

/** `[:name:]`; null for a `[` that stands for itself. */
function readPosix(reader: PatternReader, flags: ClassFlags): ByteSet | null {
  const offset = reader.at;
  const found = reader.takeMatch(/\[([:.=])((?:\\[\]\\]|(?!\[\1|\1\]|\]).)*)\1\]/sy);
  if (found === null) return null;
  const [, sign = '', inner = ''] = found;
  if (sign !== ':') reader.fail('collating elements are not supported', offset);
  const isNegated = inner.startsWith('^');
  const name = isNegated ? inner.slice(1) : inner;
  // As in PCRE2: without case, upper and lower mean any letter, and so does what is not upper.
  const isCased = name === 'upper' || name === 'lower';
  const set = posixSets[flags.ignoreCase && isCased ? 'alpha' : name];
  if (set === undefined) return reader.fail(`[:${name}:] is no POSIX class`, offset);
  return isNegated ? complementOf(set) : set;
}
