/**
 * Finds any of N byte strings in one pass whatever N is, and whatever the bytes are: an attacker may know
 * how the strings begin, and write what looks like one at every place.
 *
 * ```
 * 16 places at once: tables (Teddy, as in `sdk/token-set.ts`)     may one begin here? nearly always no
 *   ─► 4 bytes, or 8, hashed, in a bitmap?                        ends rows of `-` and the like
 *     ─► short strings one by one, long ones by binary search     7 comparisons for 100 of them
 * ```
 *
 * Tables and bitmaps can say "maybe" too often, never too seldom: each string sets its bits in all of them.
 * Strings have at least 4 bytes, and few have less than 8.
 */
const fingerprintBytes: i32 = 4;
const buckets: i32 = 8;
/** Strings of this length and more are known by as many bytes. */
const longBytes: i32 = 8;
const bitmapBits: i32 = 12;

/** Asked about each string that is there; false lets the search go on. */
export type Accept = (needle: i32, at: usize, end: usize) => bool;

export class Needles {
  private tables: usize = zeroed(fingerprintBytes * 32);
  private shortBits: usize = zeroed(1 << (bitmapBits - 3));
  private longBits: usize = zeroed(1 << (bitmapBits - 3));
  private shorts: Needle[] = [];
  /** Sorted, byte by byte. */
  private longs: Needle[] = [];

  get count(): i32 {
    return this.shorts.length + this.longs.length;
  }

  /** The bytes are kept, not copied. `number` is what `find` answers; the first of two equal strings counts. */
  add(at: usize, length: i32, number: i32): void {
    const needle = new Needle(at, length, number);
    const bucket: u32 = number % buckets;
    this.mark(at, 1 << bucket);
    if (length < longBytes) {
      setBit(this.shortBits, hash(load<u32>(at)));
      this.shorts.push(needle);
      return;
    }
    setBit(this.longBits, hash(load<u64>(at)));
    const place = this.search(at, at + length);
    if (place >= 0 && this.longs[place].length == length && this.longs[place].begins(at, at + length))
      return;
    this.longs.push(needle);
    for (let i = this.longs.length - 1; i > place + 1; i--) this.longs[i] = this.longs[i - 1];
    this.longs[place + 1] = needle;
  }

  /** After the last `add`. */
  prepare(): void {
    for (let i = 0; i < this.longs.length; i++) {
      const needle = this.longs[i];
      let beginning = i - 1;
      while (beginning >= 0 && !this.longs[beginning].begins(needle.at, needle.at + needle.length))
        beginning--;
      needle.beginning = beginning;
    }
  }

  /** The number of the first string that is there and accepted, or -1. */
  find(at: usize, end: usize, accept: Accept): i32 {
    const low0 = v128.load(this.tables);
    const high0 = v128.load(this.tables, 16);
    const low1 = v128.load(this.tables, 32);
    const high1 = v128.load(this.tables, 48);
    const low2 = v128.load(this.tables, 64);
    const high2 = v128.load(this.tables, 80);
    const low3 = v128.load(this.tables, 96);
    const high3 = v128.load(this.tables, 112);
    let place = at;
    for (; place + 19 <= end; place += 16) {
      let maybe = v128.and(
        candidates(v128.load(place), low0, high0),
        candidates(v128.load(place, 1), low1, high1),
      );
      // Nearly every block ends here.
      if (!v128.any_true(maybe)) continue;
      maybe = v128.and(
        maybe,
        v128.and(
          candidates(v128.load(place, 2), low2, high2),
          candidates(v128.load(place, 3), low3, high3),
        ),
      );
      if (!v128.any_true(maybe)) continue;
      let lanes = ~i8x16.bitmask(i8x16.eq(maybe, i8x16.splat(0))) & 0xffff;
      while (lanes != 0) {
        const found = this.look(place + ctz(lanes), end, accept);
        if (found >= 0) return found;
        lanes &= lanes - 1;
      }
    }
    for (; place + fingerprintBytes <= end; place++) {
      const found = this.look(place, end, accept);
      if (found >= 0) return found;
    }
    return -1;
  }

  @inline
  private look(at: usize, end: usize, accept: Accept): i32 {
    if (has(this.shortBits, hash(load<u32>(at)))) {
      const found = this.compareShorts(at, end, accept);
      if (found >= 0) return found;
    }
    if (at + longBytes > end || !has(this.longBits, hash(load<u64>(at)))) return -1;
    return this.compareLongs(at, end, accept);
  }

  private compareShorts(at: usize, end: usize, accept: Accept): i32 {
    const key: u64 = load<u32>(at);
    for (let i = 0, count = this.shorts.length; i < count; i++) {
      const needle = unchecked(this.shorts[i]);
      if (needle.key != key || !needle.begins(at, end)) continue;
      if (accept(needle.number, at, end)) return needle.number;
    }
    return -1;
  }

  /**
   * Every string that the bytes begin with is a beginning of the last one that does not sort behind them,
   * or that one itself.
   */
  private compareLongs(at: usize, end: usize, accept: Accept): i32 {
    let place = this.search(at, end);
    while (place >= 0) {
      const needle = unchecked(this.longs[place]);
      if (needle.begins(at, end) && accept(needle.number, at, end)) return needle.number;
      place = needle.beginning;
    }
    return -1;
  }

  /** The place of the last long string that does not sort behind the bytes, or -1. */
  private search(at: usize, end: usize): i32 {
    const key = bswap(load<u64>(at));
    let from = 0;
    let to = this.longs.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const needle = unchecked(this.longs[middle]);
      if (needle.key < key || (needle.key == key && !needle.sortsBehind(at, end))) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  private mark(at: usize, bit: u32): void {
    for (let i = 0; i < fingerprintBytes; i++) {
      const byte = load<u8>(at + i);
      setBits(this.tables + i * 32 + (byte & 15), bit);
      setBits(this.tables + i * 32 + 16 + (byte >> 4), bit);
    }
  }
}

class Needle {
  /** Of a long one the first eight bytes, so that numbers sort as bytes do; of a short one four. */
  key: u64 = 0;
  /** The place of the longest other long one that this one begins with, or -1. */
  beginning: i32 = -1;

  constructor(
    readonly at: usize,
    readonly length: i32,
    readonly number: i32,
  ) {
    this.key = length >= longBytes ? bswap(load<u64>(at)) : load<u32>(at);
  }

  /** The bytes begin with it. */
  begins(at: usize, end: usize): bool {
    const length = this.length;
    const own = this.at;
    if (at + length > end || load<u32>(at) != load<u32>(own)) return false;
    let i = fingerprintBytes;
    for (; i + longBytes <= length; i += longBytes)
      if (load<u64>(at + i) != load<u64>(own + i)) return false;
    for (; i < length; i++) if (load<u8>(at + i) != load<u8>(own + i)) return false;
    return true;
  }

  /** It does, of bytes whose first eight are its own. */
  sortsBehind(at: usize, end: usize): bool {
    const known = min(this.length, <i32>(end - at));
    const own = this.at;
    let i = longBytes;
    while (i + longBytes <= known && load<u64>(at + i) == load<u64>(own + i)) i += longBytes;
    for (; i < known; i++) {
      const byte = load<u8>(at + i);
      const mine = load<u8>(own + i);
      if (mine != byte) return mine > byte;
    }
    return this.length > known;
  }
}

@inline
function candidates(bytes: v128, low: v128, high: v128): v128 {
  const halves = v128.and(bytes, i8x16.splat(15));
  return v128.and(i8x16.swizzle(low, halves), i8x16.swizzle(high, i8x16.shr_u(bytes, 4)));
}

/** Fibonacci hashing. */
@inline
function hash(word: u64): u32 {
  return <u32>((word * 0x9e3779b97f4a7c15) >> (64 - bitmapBits));
}

@inline
function has(bitmap: usize, bit: u32): bool {
  return ((load<u8>(bitmap + (bit >> 3)) >> (bit & 7)) & 1) != 0;
}

function setBit(bitmap: usize, bit: u32): void {
  const mask: u32 = 1 << (bit & 7);
  setBits(bitmap + (bit >> 3), mask);
}

function setBits(at: usize, bits: u32): void {
  store<u8>(at, <u32>load<u8>(at) | bits);
}

function zeroed(bytes: i32): usize {
  const at = heap.alloc(bytes);
  memory.fill(at, 0, bytes);
  return at;
}
