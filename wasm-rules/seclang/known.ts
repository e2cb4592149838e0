/**
 * Values that earlier requests have shown to come to nothing: what no rule of a trie matches is not looked at again.
 * Clients send the same fields with each request, so most values of most requests are among them.
 *
 * ```
 * slots: (hash, position) │ two of each hash        ring: root · length · cost · kinds · bytes │ root · …
 * ```
 *
 * Exact: trie and bytes are compared whole, and what the operators of listed rules say of bytes hangs on nothing else.
 * What is known costs the budget what it cost the first time, so whether a request gets through does not hang on who
 * came before. New entries go over the oldest; who sends nothing but new values takes the others' gain away, no more.
 */
import { budgetLeft } from '../engine/budget';
import { charge } from './fuel';
import { hashOfString, setKinds, stringAt, stringLength, kindsOf } from './strings';

/** Longer values are looked at each time. */
export const knownBytesMax: i32 = 2048;
const ringBytes: u32 = 1 << 20;
const bucketCount: u32 = 8192;
const headBytes: u32 = 24;
/** Positions count on from here; then all is forgotten, so that none comes to mean another entry. */
const positionMax: u32 = 0x7fff0000;

let slots: usize = 0;
let ring: usize = 0;
let next: u32 = ringBytes;

export function knownAreaBytes(): usize {
  return (<usize>bucketCount << 4) + ringBytes;
}

/** What lies there is zero. */
export function knownOver(at: usize): void {
  slots = at;
  ring = at + (<usize>bucketCount << 4);
  next = ringBytes;
}

/** Whether nothing below the root matches it; its kinds are set then. */
export function isKnown(root: usize, string: usize): bool {
  const hash = keyOf(root, string);
  const bucket = bucketOf(hash);
  if (isEntry(bucket, hash, root, string)) return true;
  return isEntry(bucket + 8, hash, root, string);
}

function isEntry(slot: usize, hash: u32, root: usize, string: usize): bool {
  const position = load<u32>(slot, 4);
  if (load<u32>(slot) != hash || position == 0 || next - position > ringBytes) return false;
  const entry = ring + <usize>(position & (ringBytes - 1));
  const length = stringLength(string);
  if (load<usize>(entry) != root || load<i32>(entry, 4) != length) return false;
  if (!isSame(entry + headBytes, stringAt(string), length)) return false;
  charge(load<u32>(entry, 8));
  setKinds(string, load<u64>(entry, 16));
  return true;
}

/** Up to eight bytes behind both are read, never used. */
@inline
function isSame(one: usize, other: usize, length: i32): bool {
  const end = one + <usize>(length & ~7);
  for (; one < end; one += 8, other += 8) if (load<u64>(one) != load<u64>(other)) return false;
  const rest = length & 7;
  if (rest == 0) return true;
  return ((load<u64>(one) ^ load<u64>(other)) & ((<u64>1 << (rest << 3)) - 1)) == 0;
}

/** Nothing below the root has matched it; the budget was what is given when that began. */
export function noteKnown(root: usize, string: usize, budgetBefore: i64): void {
  const length = stringLength(string);
  const size = (headBytes + <u32>length + 15) & ~15;
  if ((next & (ringBytes - 1)) + size > ringBytes) next = (next + ringBytes - 1) & ~(ringBytes - 1);
  if (next > positionMax) {
    memory.fill(slots, 0, <usize>bucketCount << 4);
    next = ringBytes;
  }
  const entry = ring + <usize>(next & (ringBytes - 1));
  store<usize>(entry, root);
  store<i32>(entry, length, 4);
  store<u32>(entry, <u32>(budgetBefore - budgetLeft()), 8);
  store<u64>(entry, kindsOf(string), 16);
  memory.copy(entry + headBytes, stringAt(string), length);
  const hash = keyOf(root, string);
  const bucket = bucketOf(hash);
  store<u64>(bucket, load<u64>(bucket), 8);
  store<u32>(bucket, hash);
  store<u32>(bucket, next, 4);
  next += size;
}

@inline
function keyOf(root: usize, string: usize): u32 {
  return hashOfString(string) ^ (<u32>root * 0x9e3779b1);
}

@inline
function bucketOf(hash: u32): usize {
  return slots + (<usize>(hash & (bucketCount - 1)) << 4);
}
