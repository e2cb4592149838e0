/**
 * The distinct strings of one call. Equal values are one string, so each is scanned once and transformed once,
 * however many arguments hold it and however many rules look at it.
 *
 * A record (48 bytes): its bytes, the next one in its bucket, the kinds of its bytes, the candidates that the scan
 * found, what transformations made of it, where it went in a trie, the link that it failed last, and the string before it.
 */
import { arenaShrink, arenaTake } from '../engine/arena';
import { kindsIn, kindsOfByte } from '../engine/match/byte-kinds';
import { scan, scanLowered, scanWords } from '../engine/match/scan';
import { canChange, changesEmpty, opensWith, scrambles } from '../engine/transform/can-change';
import { Transformation } from '../engine/transform/names';
import { escapedKinds } from '../engine/transform/url';
import { outputBytesMax, passesOf, transform } from '../engine/transform/transform';
import { charge } from './fuel';

const bucketCount: u32 = 2048;
const buckets: usize = memory.data(2048 * 4, 16);
const recordBytes: usize = 48;

// Record: at, length, hash, next, kinds (8 bytes), candidates, results, trie, way, failed link, string made before.
const resultBytes: usize = 16;

let scanSet: usize = 0;
let maskWords: i32 = 0;
let seed: u64 = 0x9e3779b97f4a7c15;

export function seedStrings(value: u64): void {
  seed = value | 1;
}

/** Up to so many it is cheaper to empty their buckets than all of them. */
const fewStrings: i32 = 256;
let lastMade: usize = 0;
let madeCount: i32 = 0;

/** Those of the call before; while their records are what they were. */
export function forgetStrings(): void {
  if (madeCount > fewStrings) memory.fill(buckets, 0, bucketCount << 2);
  else
    for (let string = lastMade; string != 0; string = load<usize>(string, 44))
      store<usize>(buckets + (<usize>(hashOfString(string) & (bucketCount - 1)) << 2), 0);
  lastMade = 0;
  madeCount = 0;
}

/** `set` 0: nothing is scanned for. */
export function resetStrings(set: usize, words: i32): void {
  scanSet = set;
  maskWords = words;
}

@inline
export function stringAt(string: usize): usize {
  return load<usize>(string);
}

@inline
export function stringLength(string: usize): i32 {
  return load<i32>(string, 4);
}

/** The trie that the string walked last, and what it entered there. */
@inline
export function walkedTrie(string: usize): usize {
  return load<usize>(string, 32);
}

@inline
export function wayOf(string: usize): usize {
  return load<usize>(string, 36);
}

@inline
export function setWay(string: usize, trie: usize, way: usize): void {
  store<usize>(string, trie, 32);
  store<usize>(string, way, 36);
}

@inline
export function failedLink(string: usize): usize {
  return load<usize>(string, 40);
}

@inline
export function noteFailed(string: usize, link: usize): void {
  store<usize>(string, link, 40);
}

/** The bytes have to stay where they are until the call ends. */
export function intern(at: usize, length: i32): usize {
  const hash = hashOf(at, length);
  const bucket = buckets + (<usize>(hash & (bucketCount - 1)) << 2);
  const first = load<usize>(bucket);
  for (let string = first; string != 0; string = load<usize>(string, 12)) {
    charge(1);
    if (load<u32>(string, 8) != hash || load<i32>(string, 4) != length) continue;
    const known = load<usize>(string);
    if (known == at || isSame(known, at, length)) return string;
  }
  const string = arenaTake(recordBytes);
  store<usize>(string, at);
  store<i32>(string, length, 4);
  store<u32>(string, hash, 8);
  store<usize>(string, first, 12);
  store<u64>(string, ~0, 16);
  store<usize>(string, 0, 24);
  store<usize>(string, 0, 28);
  store<usize>(string, 0, 32);
  store<usize>(string, 0, 40);
  store<usize>(string, lastMade, 44);
  lastMade = string;
  madeCount++;
  store<usize>(bucket, string);
  return string;
}

/** Up to eight bytes behind both are read, never used. */
@inline
export function isSame(one: usize, other: usize, length: i32): bool {
  const wide = one + <usize>(length & ~15);
  const end = one + <usize>(length & ~7);
  for (; one < wide; one += 16, other += 16)
    if (v128.any_true(v128.xor(v128.load(one), v128.load(other)))) return false;
  for (; one < end; one += 8, other += 8) if (load<u64>(one) != load<u64>(other)) return false;
  const rest = length & 7;
  return rest == 0 || ((load<u64>(one) ^ load<u64>(other)) & ((<u64>1 << (rest << 3)) - 1)) == 0;
}

/** Bits of the patterns that may match; 0 where nothing is scanned for. Scans when asked the first time. */
export function candidatesOf(string: usize): usize {
  const known = load<usize>(string, 24);
  if (known != 0 || scanSet == 0) return known;
  const length = load<i32>(string, 4);
  const bits = emptyBits();
  charge(16 + (<u32>length << 1));
  store<u64>(string, scan(scanSet, load<usize>(string), length, bits), 16);
  store<usize>(string, bits, 24);
  return bits;
}

/** As `scan` wants them. */
@inline
function emptyBits(): usize {
  const bytes = <usize>scanWords(scanSet) << 3;
  const bits = arenaTake(bytes << 1);
  memory.fill(bits, 0, bytes);
  return bits;
}

/** Scanned for as soon as it is made, as that costs next to nothing. */
function scanLower(string: usize, lowered: usize): void {
  const scanned = load<usize>(string, 24);
  if (scanned == 0 || load<usize>(lowered, 24) != 0) return;
  const bits = emptyBits();
  charge(16);
  const kinds = scanLowered(scanSet, kindsOf(string), load<usize>(lowered), load<i32>(lowered, 4), scanned, bits);
  store<u64>(lowered, kinds, 16);
  store<usize>(lowered, bits, 24);
}

@inline
export function isScanned(string: usize): bool {
  return load<usize>(string, 24) != 0;
}

/** Kinds of bytes in it; all of them where nobody has looked yet. */
@inline
export function kindsOf(string: usize): u64 {
  return load<u64>(string, 16);
}

@inline
export function setKinds(string: usize, kinds: u64): void {
  store<u64>(string, kinds, 16);
}

/** Seeded; the same for the same bytes as long as the instance lives. */
@inline
export function hashOfString(string: usize): u32 {
  return load<u32>(string, 8);
}

/** The kind of what transformations put in the place of what they take. */
@inline
function spaceKind(): u64 {
  return kindsOfByte(0x20);
}

/** Whether a string may have one of the kinds, by itself or with spaces put in. */
@inline
export function mayHave(kinds: u64, wanted: u64): bool {
  return ((kinds | spaceKind()) & wanted) != 0;
}

/** All that can be said of a string that is not scanned. */
function narrow(string: usize, kinds: u64): void {
  if (load<usize>(string, 24) == 0) store<u64>(string, load<u64>(string, 16) & kinds, 16);
}

/**
 * The string that a transformation makes of it: itself where nothing changes, 0 where it has none of the kinds that are
 * needed of it.
 */
export function transformed(string: usize, id: i32, needed: u64 = ~0): usize {
  const length = load<i32>(string, 4);
  if (length == 0) {
    if (!changesEmpty(id)) return string;
  } else if (!canChange(id, kindsOf(string))) return string;
  for (let known = load<usize>(string, 28); known != 0; known = load<usize>(known))
    if (load<i32>(known, 4) == id) return load<usize>(known, 8);
  if (isEscapedFor(string, id, needed)) return 0;
  charge(16 + <u32>length * passesOf(id));
  const into = arenaTake(<usize>outputBytesMax(id, length));
  const written = transform(id, load<usize>(string), length, into);
  let result = string;
  if (written < 0) arenaShrink(into, 0);
  else {
    let kinds: u64 = ~0;
    if (scrambles(id) && written > 0) {
      charge(<u32>written);
      kinds = kindsIn(into, written);
      if (!mayHave(kinds, needed)) {
        arenaShrink(into, 0);
        return 0;
      }
    } else if ((opensWith(id) & kindsOf(string)) == 0) kinds = kindsOf(string) | spaceKind();
    arenaShrink(into, written);
    result = intern(into, written);
    if (id == Transformation.lowercase) scanLower(string, result);
    if (written > 0) narrow(result, kinds);
  }
  const memo = arenaTake(resultBytes);
  store<usize>(memo, load<usize>(string, 28));
  store<i32>(memo, id, 4);
  store<usize>(memo, result, 8);
  store<usize>(string, memo, 28);
  return result;
}

/** Nothing that its escapes stand for is of the kinds that are needed of it without them. */
function isEscapedFor(string: usize, id: i32, needed: u64): bool {
  if (id != Transformation.urlDecodeUni && id != Transformation.urlDecode) return false;
  if (mayHave(kindsOf(string), needed)) return false;
  const length = load<i32>(string, 4);
  charge(<u32>length >> 3);
  return !mayHave(escapedKinds(load<usize>(string), length), needed);
}

/** Seeded, so that nobody can choose strings that all fall into one bucket. */
function hashOf(at: usize, length: i32): u32 {
  let hash = seed ^ (<u64>length * 0xff51afd7ed558ccd);
  const end = at + length;
  if (length >= 64) {
    // Four at a time: none has to wait for the others.
    let second = hash ^ 0x9e3779b97f4a7c15;
    let third = rotr<u64>(hash, 23);
    let fourth = rotr<u64>(second, 37);
    for (; at + 32 <= end; at += 32) {
      hash = mix(hash ^ load<u64>(at));
      second = mix(second ^ load<u64>(at, 8));
      third = mix(third ^ load<u64>(at, 16));
      fourth = mix(fourth ^ load<u64>(at, 24));
    }
    hash = mix(mix(mix(hash ^ rotr<u64>(second, 19)) ^ third) ^ fourth);
  }
  while (at + 8 <= end) {
    hash = mix(hash ^ load<u64>(at));
    at += 8;
  }
  // Up to eight bytes behind the string are read, never used.
  if (at < end) hash = mix(hash ^ (load<u64>(at) & ((<u64>1 << (<u64>(end - at) << 3)) - 1)));
  return <u32>(hash ^ (hash >> 32));
}

@inline
function mix(value: u64): u64 {
  const product = value * 0x9fb21c651e98df25;
  return product ^ (product >> 28) ^ rotr<u64>(value, 41) * seed;
}
