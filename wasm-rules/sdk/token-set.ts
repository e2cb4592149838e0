/**
 * Finds any of N lower-case tokens in bytes of either case, in one pass whatever N is.
 *
 * The method is that of Teddy (Hyperscan, aho-corasick): the first four bytes of each token are its
 * fingerprint. The sorted tokens are cut into eight buckets, one bit each, with about as many
 * different beginnings in each (tokens that begin alike cost the tables nothing). For each of the
 * four places two tables of sixteen bytes say which buckets have a token whose byte there has this low,
 * and this high, half. Sixteen positions are looked up at once:
 *
 * ```
 * buckets(i) = lo0[b[i] & 15] & hi0[b[i] >> 4]  &  lo1[b[i+1] & 15] & …  &  hi3[b[i+3] >> 4]
 * ```
 *
 * A set bit means "a token of this bucket may start here". The tables can say "maybe" too often, never
 * too seldom: each token sets its bucket's bit in all of them, for both cases of each of its bytes. A
 * "maybe" is looked up in a hash table of the first three bytes, which ends nearly all that are none;
 * what is left is compared in full.
 *
 * `/` in a token stands for any run of slashes of either direction and `./` steps, because file
 * systems read `etc//passwd` and `etc\.\passwd` as `etc/passwd`. It may not be among the first three
 * bytes, where the tables look at single bytes.
 *
 * Tokens: at least 4 bytes, lower-case ASCII, sorted (neighbours share a bucket, which keeps the
 * tables selective), at most 254.
 */
import { toLower } from './bytes';

const fingerprintBytes: i32 = 4;
/** An index and one more fit a byte. */
const tokensMax: i32 = 254;
/** Slots of the hash table: a power of two, far more than tokens, so that probing ends at once. */
const slotBits: i32 = 11;
const slotMask: i32 = (1 << slotBits) - 1;
const slash: u32 = 0x2f;
const backslash: u32 = 0x5c;
const dot: u32 = 0x2e;

/** Asked about each full match; answering false lets the search go on. */
export type Accept = (start: usize, end: usize, token: i32) => bool;

export class TokenSet {
  private tables: usize;
  /** The fingerprints as words, for a check of four bytes at once before the full comparison. */
  private prefixes: usize;
  /** By hash of three bytes: one more than the index of the first token that begins with them, or 0. */
  private slots: usize;
  /** How many different first three bytes there are, and which of them the last token added has. */
  private beginnings: i32 = 0;
  private beginning: i32 = -1;

  /** Of the last match. */
  token: i32 = -1;
  matchEnd: usize = 0;

  constructor(private tokens: StaticArray<string>) {
    if (tokens.length > tokensMax) throw new Error('too many tokens');
    this.tables = heap.alloc(fingerprintBytes * 32);
    memory.fill(this.tables, 0, fingerprintBytes * 32);
    this.prefixes = heap.alloc(<usize>tokens.length * 4);
    this.slots = heap.alloc(1 << slotBits);
    memory.fill(this.slots, 0, 1 << slotBits);
    for (let index = 0; index < tokens.length; index++)
      if (this.beginsAnew(index)) this.beginnings++;
    for (let index = 0; index < tokens.length; index++) this.add(index);
  }

  private add(index: i32): void {
    const token = this.tokens[index];
    if (token.length < fingerprintBytes)
      throw new Error('a token needs at least four bytes: ' + token);
    if (index > 0 && this.tokens[index - 1] > token)
      throw new Error('tokens must be sorted: ' + token);
    if (token.includes('//')) throw new Error('one slash stands for a run of them: ' + token);
    if (this.beginsAnew(index)) this.beginning++;
    const bit: i32 = 1 << ((this.beginning << 3) / this.beginnings);
    const bucket = <u8>bit;
    for (let place = 0; place < fingerprintBytes; place++) {
      const byte = <u32>token.charCodeAt(place);
      if (byte == slash && place < fingerprintBytes - 1)
        throw new Error('slash too early in token: ' + token);
      this.mark(place, byte, bucket);
      if (byte - 0x61 < 26) this.mark(place, byte - 0x20, bucket);
      if (byte == slash) this.mark(place, backslash, bucket);
      store<u8>(this.prefixes + ((<usize>index) << 2) + place, byte | 0x20);
    }
    const begin = load<u32>(this.prefixes + ((<usize>index) << 2)) & 0x00ffffff;
    if (this.firstWith(begin) >= 0) return;
    let slot = slotOf(begin);
    while (load<u8>(this.slots + slot) != 0) slot = (slot + 1) & slotMask;
    store<u8>(this.slots + slot, index + 1);
  }

  /** The index of the first token that begins with these three bytes, or -1. */
  @inline private firstWith(begin: u32): i32 {
    let slot = slotOf(begin);
    while (true) {
      const index = <i32>load<u8>(this.slots + slot) - 1;
      if (index < 0 || (load<u32>(this.prefixes + ((<usize>index) << 2)) & 0x00ffffff) == begin)
        return index;
      slot = (slot + 1) & slotMask;
    }
  }

  private mark(place: i32, byte: u32, bucket: u8): void {
    const low = this.tables + (place << 5) + (byte & 15);
    const high = this.tables + (place << 5) + 16 + (byte >> 4);
    store<u8>(low, load<u8>(low) | bucket);
    store<u8>(high, load<u8>(high) | bucket);
  }

  /** True when the token before this one has other first three bytes. */
  private beginsAnew(index: i32): bool {
    if (index == 0) return true;
    const before = this.tokens[index - 1];
    const token = this.tokens[index];
    for (let place = 0; place < fingerprintBytes - 1; place++)
      if (before.charCodeAt(place) != token.charCodeAt(place)) return true;
    return false;
  }

  /** The address of the first accepted token in the bytes, or 0. */
  find(at: usize, length: i32, accept: Accept): usize {
    if (length < fingerprintBytes) return 0;
    const end = at + length;
    const tables = this.tables;
    const lo0 = v128.load(tables),
      hi0 = v128.load(tables, 16);
    const lo1 = v128.load(tables, 32),
      hi1 = v128.load(tables, 48);
    const lo2 = v128.load(tables, 64),
      hi2 = v128.load(tables, 80);
    const lo3 = v128.load(tables, 96),
      hi3 = v128.load(tables, 112);
    const half = i8x16.splat(15);
    // No token starts in the last three bytes.
    const starts = end - (fingerprintBytes - 1);
    // 19 bytes are read for 16 positions: also bytes behind the end, as long as the memory has them.
    const readable = ((<usize>memory.size()) << 16) - 19;
    let block = at;
    for (; block < starts && block <= readable; block += 16) {
      const b0 = v128.load(block);
      let buckets = v128.and(
        i8x16.swizzle(lo0, v128.and(b0, half)),
        i8x16.swizzle(hi0, i8x16.shr_u(b0, 4)),
      );
      const b1 = v128.load(block, 1);
      buckets = v128.and(buckets, i8x16.swizzle(lo1, v128.and(b1, half)));
      buckets = v128.and(buckets, i8x16.swizzle(hi1, i8x16.shr_u(b1, 4)));
      const b2 = v128.load(block, 2);
      buckets = v128.and(buckets, i8x16.swizzle(lo2, v128.and(b2, half)));
      buckets = v128.and(buckets, i8x16.swizzle(hi2, i8x16.shr_u(b2, 4)));
      const b3 = v128.load(block, 3);
      buckets = v128.and(buckets, i8x16.swizzle(lo3, v128.and(b3, half)));
      buckets = v128.and(buckets, i8x16.swizzle(hi3, i8x16.shr_u(b3, 4)));
      if (!v128.any_true(buckets)) continue;
      let lanes = ~i8x16.bitmask(i8x16.eq(buckets, i8x16.splat(0))) & 0xffff;
      if (block + 16 > starts) lanes &= (1 << <i32>(starts - block)) - 1;
      for (; lanes != 0; lanes &= lanes - 1) {
        const start = block + ctz(lanes);
        if (this.matchesAt(start, end, accept)) return start;
      }
    }
    for (; block < starts; block++) {
      if (this.bucketsAt(block) != 0 && this.matchesAt(block, end, accept)) return block;
    }
    return 0;
  }

  /** The same lookup for one position, for the last bytes of the memory. */
  private bucketsAt(at: usize): u32 {
    let buckets: u32 = 255;
    for (let place = 0; place < fingerprintBytes; place++) {
      const byte = <u32>load<u8>(at + place);
      const table = this.tables + (place << 5);
      buckets &= load<u8>(table + (byte & 15)) & load<u8>(table + 16 + (byte >> 4));
    }
    return buckets;
  }

  private matchesAt(start: usize, end: usize, accept: Accept): bool {
    const seen = load<u32>(start) | 0x20202020;
    const begin = seen & 0x00ffffff;
    const prefixes = this.prefixes;
    const first = this.firstWith(begin);
    if (first < 0) return false;
    // Sorted, so the tokens that begin alike follow each other.
    for (let index = first, count = this.tokens.length; index < count; index++) {
      const prefix = load<u32>(prefixes + ((<usize>index) << 2));
      if ((prefix & 0x00ffffff) != begin) break;
      // Where a token has `/` at its fourth place the text may have `\`, which folds to 0x7c.
      if (prefix != seen && prefix >> 24 != slash) continue;
      const stop = endOfToken(this.tokens[index], start, end);
      if (stop != 0 && accept(start, stop, index)) {
        this.token = index;
        this.matchEnd = stop;
        return true;
      }
    }
    return false;
  }
}

function slotOf(begin: u32): i32 {
  return <i32>((begin * 0x9e3779b1) >> (32 - slotBits));
}

/** One past the token when it stands at `at`, else 0. */
function endOfToken(token: string, at: usize, end: usize): usize {
  for (let i = 0, length = token.length; i < length; i++) {
    if (at >= end) return 0;
    const wanted = <u32>load<u16>(changetype<usize>(token) + ((<usize>i) << 1));
    if (wanted == slash) {
      const behind = skipSlashes(at, end);
      if (behind == at) return 0;
      at = behind;
    } else {
      if (toLower(load<u8>(at)) != wanted) return 0;
      at++;
    }
  }
  return at;
}

/** Behind a run of slashes and `./` steps that begins with a slash. */
function skipSlashes(at: usize, end: usize): usize {
  while (at < end && isSlash(load<u8>(at))) {
    at++;
    while (at + 1 < end && load<u8>(at) == dot && isSlash(load<u8>(at + 1))) at += 2;
  }
  return at;
}

export function isSlash(byte: u32): bool {
  return byte == slash || byte == backslash;
}
