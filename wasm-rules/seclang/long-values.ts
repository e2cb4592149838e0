/**
 * Long values that go to no rule, mostly pages that are the same for everybody: what `known.ts` is for short ones.
 *
 * ```
 * marks:   a hash of each long value that was there once
 * entries: whose · hash · length · position · cost · kinds
 * ring:    what the scan says │ bytes
 * ```
 *
 * Rules that look at them in their turn ask what the scan says, so that is kept too. An entry is made when a value comes for the second time, as most pages are made for one client and would only go over
 * those that are not. Exact, as there: whose it is and all its bytes are compared, and what is known costs the budget
 * what it cost then.
 */
import { charge } from './fuel';
import {
  candidatesOf,
  hashOfString,
  isSame,
  kindsOf,
  scannedBytes,
  setScanned,
  stringAt,
  stringLength,
} from './strings';

const markCount: u32 = 4096;
const entryCount: u32 = 256;
const entryBytes: usize = 32;
const ringBytes: u32 = 1 << 22;
const marksBytes: usize = <usize>markCount << 2;
const entriesBytes: usize = <usize>entryCount * entryBytes;
/** Positions count on to here; then all is forgotten, so that none comes to mean other bytes. */
const positionMax: u32 = 0x7fff0000;
/** A longer one would take too much of the ring. */
const longBytesMax: i32 = 1 << 18;

let marks: usize = 0;
let entries: usize = 0;
let ring: usize = 0;
let next: u32 = ringBytes;
let noted: f64 = 0;

/** How many entries were made. */
export function notedLongTotal(): f64 {
  return noted;
}

export function longAreaBytes(): usize {
  return marksBytes + entriesBytes + ringBytes;
}

/** What lies there is zero. */
export function longOver(at: usize): void {
  marks = at;
  entries = at + marksBytes;
  ring = entries + entriesBytes;
  next = ringBytes;
}

/** Whether it is known to go nowhere. Its cost is charged, and it counts as scanned. */
export function isKnownLong(owner: usize, string: usize): bool {
  const hash = keyOf(owner, string);
  const entry = entryOf(hash);
  const position = load<u32>(entry, 12);
  const length = stringLength(string);
  if (load<u32>(entry, 4) != hash || load<usize>(entry) != owner || load<i32>(entry, 8) != length) return false;
  if (next - position > ringBytes) return false;
  const kept = ring + <usize>(position & (ringBytes - 1));
  if (!isSame(kept + scannedBytes(), stringAt(string), length)) return false;
  charge(load<u32>(entry, 16));
  setScanned(string, kept, load<u64>(entry, 24));
  return true;
}

/** Whether one with its hash was there before; it is from now on. */
export function wasThere(owner: usize, string: usize): bool {
  if (stringLength(string) > longBytesMax) return false;
  const hash = keyOf(owner, string);
  const mark = marks + (<usize>(hash & (markCount - 1)) << 2);
  if (load<u32>(mark) == hash) return true;
  store<u32>(mark, hash);
  return false;
}

/** It goes nowhere, and to find that out has cost so much. */
export function noteLong(owner: usize, string: usize, cost: u32): void {
  noted++;
  const length = <u32>stringLength(string);
  const size = length + <u32>scannedBytes();
  if ((next & (ringBytes - 1)) + size > ringBytes) next = (next + ringBytes - 1) & ~(ringBytes - 1);
  if (next > positionMax) {
    memory.fill(entries, 0, entriesBytes);
    next = ringBytes;
  }
  const hash = keyOf(owner, string);
  const entry = entryOf(hash);
  store<usize>(entry, owner);
  store<u32>(entry, hash, 4);
  store<u32>(entry, length, 8);
  store<u32>(entry, next, 12);
  store<u32>(entry, cost, 16);
  store<u64>(entry, kindsOf(string), 24);
  const kept = ring + <usize>(next & (ringBytes - 1));
  memory.copy(kept, candidatesOf(string), scannedBytes());
  memory.copy(kept + scannedBytes(), stringAt(string), length);
  next += size;
}

@inline
function keyOf(owner: usize, string: usize): u32 {
  return hashOfString(string) ^ (<u32>owner * 0x9e3779b1);
}

@inline
function entryOf(hash: u32): usize {
  return entries + <usize>((hash >> 12) & (entryCount - 1)) * entryBytes;
}
