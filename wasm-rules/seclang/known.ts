/**
 * What earlier requests have shown of a value: which rules of a trie it goes to, whether a link matches it, or what groups of a pattern took of it. Clients
 * send the same fields with each request, so most values of most requests are known, and mostly they go nowhere.
 *
 * ```
 * slots: (hash, position), two of each hash
 * ring:  whose · length · cost · steps · kinds │ bytes │ rule · length · bytes │ … whose · length · …
 * ```
 *
 * Exact: whose it is and its bytes are compared whole, and what operators without references say of bytes hangs on
 * nothing else. What is known costs the budget what it cost the first time, so whether a request gets through does not
 * hang on who came before. New entries go over the oldest; who sends nothing but new values takes the others' gain away,
 * and no more.
 */
import { arenaTake } from '../engine/arena';
import { charge } from './fuel';
import { hashOfString, intern, isSame, kindsOf, setKinds, stringAt, stringLength } from './strings';

/** Longer values are looked at each time. */
export const knownBytesMax: i32 = 2048;
/** Where it goes to more rules, it is looked at each time. */
const stepsMax: u32 = 4;
const ringBytes: u32 = 1 << 20;
const bucketCount: u32 = 8192;
const slotsBytes: usize = <usize>bucketCount << 4;
const headBytes: u32 = 24;
/** Positions count on to here; then all is forgotten, so that none comes to mean another entry. */
const positionMax: u32 = 0x7fff0000;
/** In the place of a length: the string as it came. */
const itself: u32 = 0xffffffff;

let slots: usize = 0;
let ring: usize = 0;
let next: u32 = ringBytes;
let noted: f64 = 0;

/** How many entries were made. */
export function notedTotal(): f64 {
  return noted;
}

export function knownAreaBytes(): usize {
  return slotsBytes + ringBytes;
}

/** What lies there is zero. */
export function knownOver(at: usize): void {
  slots = at;
  ring = at + slotsBytes;
  next = ringBytes;
}

/** The entry of a string, or 0. Its cost is charged and its kinds are set. */
export function known(owner: usize, string: usize): usize {
  const hash = keyOf(owner, string);
  const bucket = bucketOf(hash);
  const entry = entryAt(bucket, hash, owner, string);
  return entry != 0 ? entry : entryAt(bucket + 8, hash, owner, string);
}

function entryAt(slot: usize, hash: u32, owner: usize, string: usize): usize {
  const position = load<u32>(slot, 4);
  if (load<u32>(slot) != hash || next - position > ringBytes) return 0;
  const entry = ring + <usize>(position & (ringBytes - 1));
  const length = stringLength(string);
  if (load<usize>(entry) != owner || load<i32>(entry, 4) != length) return 0;
  if (!isSame(entry + headBytes, stringAt(string), length)) return 0;
  charge(load<u32>(entry, 8));
  setKinds(string, load<u64>(entry, 16));
  return entry;
}

/** Rules that the string goes to, with what becomes of it; made anew in the arena, the last one first. */
export function knownSteps(entry: usize, string: usize): usize {
  let left = load<u32>(entry, 12);
  let at = entry + headBytes + padded(load<u32>(entry, 4));
  let first: usize = 0;
  let last: usize = 0;
  for (; left > 0; left--) {
    const length = load<u32>(at, 4);
    const step = takeStep(0, load<u32>(at), length == itself ? string : copied(at + 8, length));
    if (last == 0) first = step;
    else store<usize>(last, step);
    last = step;
    at += 8 + (length == itself ? 0 : padded(length));
  }
  return first;
}

/** The ring may come round before the call ends. */
function copied(at: usize, length: u32): usize {
  const copy = arenaTake(length);
  memory.copy(copy, at, length);
  return intern(copy, length);
}

// A step: next, rule, string.
@inline
export function takeStep(following: usize, rule: u32, string: usize): usize {
  const step = arenaTake(16);
  store<usize>(step, following);
  store<u32>(step, rule, 4);
  store<usize>(step, string, 8);
  return step;
}

/** Whether it has steps. */
@inline
export function goesSomewhere(entry: usize): bool {
  return load<u32>(entry, 12) != 0;
}

/** `steps` as `knownSteps` gives them, 0 where it goes nowhere; the budget was what is given before and behind that. */
export function noteKnown(owner: usize, string: usize, steps: usize, budgetBefore: i64, budgetBehind: i64): void {
  const length = <u32>stringLength(string);
  let count: u32 = 0;
  let size = headBytes + padded(length);
  for (let step = steps; step != 0; step = load<usize>(step)) {
    const reached = load<usize>(step, 8);
    if (++count > stepsMax || stringLength(reached) > knownBytesMax) return;
    size += 8 + (reached == string ? 0 : padded(stringLength(reached)));
  }
  let at = newEntry(owner, string, size, <u32>(budgetBefore - budgetBehind), count);
  for (let step = steps; step != 0; step = load<usize>(step)) {
    const reached = load<usize>(step, 8);
    store<u32>(at, load<u32>(step, 4));
    if (reached == string) store<u32>(at, itself, 4);
    else {
      const bytes = stringLength(reached);
      store<u32>(at, bytes, 4);
      memory.copy(at + 8, stringAt(reached), bytes);
      at += padded(bytes);
    }
    at += 8;
  }
}

/** What `noteBytes` was given; 0: nothing. Until the next one is noted. */
export function knownBytes(entry: usize): usize {
  return load<u32>(entry, 12) == 0 ? 0 : entry + headBytes + padded(load<u32>(entry, 4)) + 8;
}

/** Bytes in the place of steps; `count` 0: there are none. */
export function noteBytes(owner: usize, string: usize, bytes: usize, count: u32, cost: u32): void {
  const size = headBytes + padded(<u32>stringLength(string)) + (count == 0 ? 0 : 8 + padded(count));
  const at = newEntry(owner, string, size, cost, count == 0 ? 0 : 1);
  if (count == 0) return;
  store<u32>(at, count, 4);
  memory.copy(at + 8, bytes, count);
}

/** Where its steps go. */
function newEntry(owner: usize, string: usize, size: u32, cost: u32, count: u32): usize {
  noted++;
  const length = <u32>stringLength(string);
  const entry = room(size);
  store<usize>(entry, owner);
  store<u32>(entry, length, 4);
  store<u32>(entry, cost, 8);
  store<u32>(entry, count, 12);
  store<u64>(entry, kindsOf(string), 16);
  memory.copy(entry + headBytes, stringAt(string), length);
  const hash = keyOf(owner, string);
  const bucket = bucketOf(hash);
  store<u64>(bucket, load<u64>(bucket), 8);
  store<u32>(bucket, hash);
  store<u32>(bucket, next, 4);
  next += size;
  return entry + headBytes + padded(length);
}

/** Whole, at `next`; what it lies over is no entry any more. */
function room(size: u32): usize {
  if ((next & (ringBytes - 1)) + size > ringBytes) next = (next + ringBytes - 1) & ~(ringBytes - 1);
  if (next > positionMax) {
    memory.fill(slots, 0, slotsBytes);
    next = ringBytes;
  }
  return ring + <usize>(next & (ringBytes - 1));
}

@inline
function padded(length: u32): u32 {
  return (length + 7) & ~7;
}

@inline
function keyOf(owner: usize, string: usize): u32 {
  return hashOfString(string) ^ (<u32>owner * 0x9e3779b1);
}

@inline
function bucketOf(hash: u32): usize {
  return slots + (<usize>(hash & (bucketCount - 1)) << 4);
}
