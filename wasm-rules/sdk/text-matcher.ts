/**
 * A thousand and more literals and globs against one text, in one pass whatever their number is.
 *
 * Of each literal (of a glob: its longest plain run) the four bytes that fewest others share are its
 * key. At every place of the text the four bytes there are looked up in a hash table of the keys; only
 * where one lies is a literal compared, and only then a glob matched, once a text. Literals of two and three
 * bytes have a table of their own; what is shorter is tried one by one.
 *
 * ```
 * /wp-content/uploads/x.php        key of `*.php` = ".php"     ─┐
 *                      └──┘ ── hash ── slots ── chain of needles ┴─► compare ─► OnMatch(id, place)
 * ```
 *
 * Keys ignore case (a bit is set), so one table serves literals of both kinds; the comparison behind it
 * is exact.
 */
import { isLetter, toLower } from './bytes';
import { globBytes } from './matcher';
import { findByte } from './scan';

export const textEquals: i32 = 0;
export const textPrefix: i32 = 1;
export const textSuffix: i32 = 2;
export const textContains: i32 = 3;
export const textGlob: i32 = 4;

/** Called once a text for each needle that is in it; the place is where it lies. */
export type OnMatch = (id: i32, at: usize, length: i32) => void;

export const needlesMax: i32 = 8192;
const longKeyBytes: i32 = 4;
const shortKeyBytes: i32 = 2;
const caseBits: u32 = 0x20202020;
const shortCaseBits: u32 = 0x2020;

class Needle {
  at: usize = 0;
  length: i32 = 0;
  /** Where the key lies in the literal. */
  keyOffset: i32 = 0;
  key: u32 = 0;
  /** One more than the index of the next needle in the same slot, or 0. */
  next: i32 = 0;
  /** The run in which it matched, or as a glob was tried. */
  seen: u32 = 0;
  /** Of a glob: all of it. */
  globAt: usize = 0;
  globLength: i32 = 0;

  constructor(
    public operator: i32,
    public id: i32,
    public foldsCase: bool,
  ) {}
}

/** The needles with keys of one length. */
class KeyTable {
  needles: Needle[] = [];
  private slots: usize = 0;
  private slotShift: i32 = 0;

  constructor(private keyBytes: i32) {}

  prepare(): void {
    const count = this.needles.length;
    if (count == 0) return;
    let slotBits = 6;
    while (1 << slotBits < count * 8) slotBits++;
    this.slotShift = 32 - slotBits;
    const bytes = <usize>2 << slotBits;
    const uses = heap.alloc(bytes);
    memory.fill(uses, 0, bytes);
    for (let i = 0; i < count; i++) this.countKeys(this.needles[i], uses);
    this.slots = heap.alloc(bytes);
    memory.fill(this.slots, 0, bytes);
    for (let i = 0; i < count; i++) {
      const needle = this.needles[i];
      this.chooseKey(needle, uses);
      const slot = this.slots + (this.slotOf(needle.key) << 1);
      needle.next = load<u16>(slot);
      store<u16>(slot, i + 1);
    }
  }

  run(at: usize, end: usize, serial: u32, onMatch: OnMatch): void {
    const slots = this.slots;
    if (slots == 0 || end - at < <usize>this.keyBytes) return;
    const last = end - this.keyBytes;
    if (this.keyBytes == longKeyBytes) {
      for (let place = at; place <= last; place++) {
        const key = load<u32>(place) | caseBits;
        const index = <i32>load<u16>(slots + (this.slotOf(key) << 1));
        if (index != 0) this.tryChain(index, key, place, at, end, serial, onMatch);
      }
      return;
    }
    for (let place = at; place <= last; place++) {
      const key = (<u32>load<u16>(place)) | shortCaseBits;
      const index = <i32>load<u16>(slots + (this.slotOf(key) << 1));
      if (index != 0) this.tryChain(index, key, place, at, end, serial, onMatch);
    }
  }

  private tryChain(
    index: i32,
    key: u32,
    place: usize,
    at: usize,
    end: usize,
    serial: u32,
    onMatch: OnMatch,
  ): void {
    while (index != 0) {
      const needle = unchecked(this.needles[index - 1]);
      index = needle.next;
      if (needle.key != key || needle.seen == serial) continue;
      if (needle.operator == textGlob) tryGlob(needle, at, end, serial, onMatch);
      else if (place - at >= <usize>needle.keyOffset)
        tryAt(needle, place - needle.keyOffset, at, end, serial, onMatch);
    }
  }

  @inline private slotOf(key: u32): usize {
    return (key * 0x9e3779b1) >> this.slotShift;
  }

  @inline private keyAt(at: usize): u32 {
    return this.keyBytes == longKeyBytes
      ? load<u32>(at) | caseBits
      : (<u32>load<u16>(at)) | shortCaseBits;
  }

  private countKeys(needle: Needle, uses: usize): void {
    for (let i = 0; i + this.keyBytes <= needle.length; i++) {
      const use = uses + (this.slotOf(this.keyAt(needle.at + i)) << 1);
      const count = load<u16>(use);
      if (count < 0xffff) store<u16>(use, count + 1);
    }
  }

  private chooseKey(needle: Needle, uses: usize): void {
    let fewest = i32.MAX_VALUE;
    for (let i = 0; i + this.keyBytes <= needle.length; i++) {
      const key = this.keyAt(needle.at + i);
      const count = <i32>load<u16>(uses + (this.slotOf(key) << 1));
      if (count >= fewest) continue;
      fewest = count;
      needle.key = key;
      needle.keyOffset = i;
    }
  }
}

export class TextMatcher {
  private long: KeyTable = new KeyTable(longKeyBytes);
  private short: KeyTable = new KeyTable(shortKeyBytes);
  /** Of one byte and none. */
  private rest: Needle[] = [];
  private serial: u32 = 0;

  get size(): i32 {
    return this.long.needles.length + this.short.needles.length + this.rest.length;
  }

  /** With `foldsCase` the text is compared without regard to the case of ASCII letters. */
  add(operator: i32, text: string, foldsCase: bool, id: i32): void {
    if (this.size == needlesMax) throw new Error('too many texts');
    const needle = new Needle(operator, id, foldsCase);
    const bytes = Uint8Array.wrap(String.UTF8.encode(operator == textGlob ? longestPlain(text) : text));
    if (operator == textGlob) {
      const glob = String.UTF8.encode(text);
      needle.globAt = changetype<usize>(glob);
      needle.globLength = glob.byteLength;
    }
    const length = bytes.length;
    needle.at = heap.alloc(length + 1);
    needle.length = length;
    for (let i = 0; i < length; i++)
      store<u8>(needle.at + i, foldsCase ? toLower(bytes[i]) : <u32>bytes[i]);
    if (length >= longKeyBytes) this.long.needles.push(needle);
    else if (length >= shortKeyBytes) this.short.needles.push(needle);
    else this.rest.push(needle);
  }

  /** After the last `add`. */
  prepare(): void {
    this.long.prepare();
    this.short.prepare();
  }

  run(at: usize, length: i32, onMatch: OnMatch): void {
    const serial = ++this.serial;
    const end = at + length;
    this.long.run(at, end, serial, onMatch);
    this.short.run(at, end, serial, onMatch);
    for (let i = 0, count = this.rest.length; i < count; i++)
      tryTiny(unchecked(this.rest[i]), at, end, serial, onMatch);
  }
}

function tryTiny(needle: Needle, at: usize, end: usize, serial: u32, onMatch: OnMatch): void {
  if (needle.operator == textGlob) return tryGlob(needle, at, end, serial, onMatch);
  const length = <usize>needle.length;
  if (end - at < length) return;
  if (needle.operator == textSuffix) return tryAt(needle, end - length, at, end, serial, onMatch);
  if (needle.operator != textContains || length == 0)
    return tryAt(needle, at, at, end, serial, onMatch);
  const byte = load<u8>(needle.at);
  let place = findByte(at, end, byte);
  // A letter in the other case as well; the literal is lower case when case is folded.
  if (place == end && needle.foldsCase && isLetter(byte)) place = findByte(at, end, byte ^ 0x20);
  if (place < end) onMatch(needle.id, place, 1);
}

function tryGlob(needle: Needle, at: usize, end: usize, serial: u32, onMatch: OnMatch): void {
  needle.seen = serial;
  const length = <i32>(end - at);
  if (globBytes(at, length, needle.globAt, needle.globLength, needle.foldsCase))
    onMatch(needle.id, at, length);
}

function tryAt(
  needle: Needle,
  start: usize,
  at: usize,
  end: usize,
  serial: u32,
  onMatch: OnMatch,
): void {
  const length = <usize>needle.length;
  if (end - start < length) return;
  const operator = needle.operator;
  if ((operator == textEquals || operator == textPrefix) && start != at) return;
  if ((operator == textEquals || operator == textSuffix) && start + length != end) return;
  const literal = needle.at;
  if (needle.foldsCase) {
    for (let i: usize = 0; i < length; i++)
      if (toLower(load<u8>(start + i)) != load<u8>(literal + i)) return;
  } else if (memory.compare(start, literal, length) != 0) return;
  needle.seen = serial;
  onMatch(needle.id, start, needle.length);
}

/** The longest part of a glob between `*` and `?`: what every text it matches must hold. */
function longestPlain(glob: string): string {
  let longest = '';
  let start = 0;
  for (let i = 0; i <= glob.length; i++) {
    if (i < glob.length && glob.charAt(i) != '*' && glob.charAt(i) != '?') continue;
    if (i - start > longest.length) longest = glob.slice(start, i);
    start = i + 1;
  }
  return longest;
}
