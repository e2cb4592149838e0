/**
 * A thousand and more literals and globs against one text, in one pass whatever their number is.
 *
 * Of each literal (of a glob: its longest plain run) the four bytes that fewest others share are its
 * key. At every place of the text the four bytes there are looked up in a hash table of the keys; only
 * where one lies is a literal compared, and only then a glob matched, once a text. What is too short for
 * a key is tried one by one.
 *
 * ```
 * /wp-content/uploads/x.php        key of `*.php` = ".php"     ─┐
 *                      └──┘ ── hash ── slots ── chain of needles ┴─► compare ─► OnMatch(id, place)
 * ```
 *
 * Keys ignore case (a bit is set), so one table serves literals of both kinds; the comparison behind it
 * is exact.
 */
import { toLower } from './bytes';
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
const keyBytes: i32 = 4;
const caseBits: u32 = 0x20202020;

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

export class TextMatcher {
  private needles: Needle[] = [];
  private short: Needle[] = [];
  private slots: usize = 0;
  private slotShift: i32 = 0;
  private serial: u32 = 0;

  get size(): i32 {
    return this.needles.length + this.short.length;
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
    needle.at = heap.alloc(bytes.length + 1);
    needle.length = bytes.length;
    for (let i = 0; i < bytes.length; i++)
      store<u8>(needle.at + i, foldsCase ? toLower(bytes[i]) : <u32>bytes[i]);
    if (needle.length < keyBytes) this.short.push(needle);
    else this.needles.push(needle);
  }

  /** After the last `add`. */
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

  run(at: usize, length: i32, onMatch: OnMatch): void {
    this.serial++;
    const end = at + length;
    const slots = this.slots;
    if (slots != 0 && length >= keyBytes) {
      for (let place = at, last = end - keyBytes; place <= last; place++) {
        const key = load<u32>(place) | caseBits;
        const index = <i32>load<u16>(slots + (this.slotOf(key) << 1));
        if (index != 0) this.tryChain(index, key, place, at, end, onMatch);
      }
    }
    for (let i = 0, count = this.short.length; i < count; i++)
      this.tryShort(unchecked(this.short[i]), at, end, onMatch);
  }

  private tryChain(index: i32, key: u32, place: usize, at: usize, end: usize, onMatch: OnMatch): void {
    for (; index != 0; ) {
      const needle = unchecked(this.needles[index - 1]);
      index = needle.next;
      if (needle.key != key || needle.seen == this.serial) continue;
      if (needle.operator == textGlob) {
        this.tryGlob(needle, at, end, onMatch);
        continue;
      }
      if (place - at < <usize>needle.keyOffset) continue;
      this.tryAt(needle, place - needle.keyOffset, at, end, onMatch);
    }
  }

  private tryShort(needle: Needle, at: usize, end: usize, onMatch: OnMatch): void {
    if (needle.operator == textGlob) return this.tryGlob(needle, at, end, onMatch);
    const length = <usize>needle.length;
    if (end - at < length) return;
    if (needle.operator != textContains)
      return this.tryAt(needle, needle.operator == textSuffix ? end - length : at, at, end, onMatch);
    if (length == 0) return onMatch(needle.id, at, 0);
    const first = load<u8>(needle.at);
    const last = end - length;
    for (let place = at; place <= last && needle.seen != this.serial; place++) {
      if (!needle.foldsCase) place = findByte(place, end, first);
      if (place <= last) this.tryAt(needle, place, at, end, onMatch);
    }
  }

  private tryGlob(needle: Needle, at: usize, end: usize, onMatch: OnMatch): void {
    needle.seen = this.serial;
    const length = <i32>(end - at);
    if (globBytes(at, length, needle.globAt, needle.globLength, needle.foldsCase))
      onMatch(needle.id, at, length);
  }

  private tryAt(needle: Needle, start: usize, at: usize, end: usize, onMatch: OnMatch): void {
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
    needle.seen = this.serial;
    onMatch(needle.id, start, needle.length);
  }

  @inline private slotOf(key: u32): usize {
    return (key * 0x9e3779b1) >> this.slotShift;
  }

  private countKeys(needle: Needle, uses: usize): void {
    for (let i = 0; i + keyBytes <= needle.length; i++) {
      const use = uses + (this.slotOf(load<u32>(needle.at + i) | caseBits) << 1);
      const count = load<u16>(use);
      if (count < 0xffff) store<u16>(use, count + 1);
    }
  }

  private chooseKey(needle: Needle, uses: usize): void {
    let fewest = i32.MAX_VALUE;
    for (let i = 0; i + keyBytes <= needle.length; i++) {
      const key = load<u32>(needle.at + i) | caseBits;
      const count = <i32>load<u16>(uses + (this.slotOf(key) << 1));
      if (count >= fewest) continue;
      fewest = count;
      needle.key = key;
      needle.keyOffset = i;
    }
  }
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
