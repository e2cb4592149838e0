/**
 * Patterns whose table would be too large: states are made when a subject reaches them, and kept. The cache is a
 * fixed stretch of memory for all patterns together; when it is full it is emptied and fills anew.
 *
 * A new transition costs what one step of simulating the automaton costs and something for the look-up; each is
 * charged to the budget, so a subject made to reach new states with each byte ends in a refusal and not in a
 * long wait.
 *
 * ```
 * marks u32[16384] │ slots u32[8192] │ items u16[16384] │ states …
 * state: pattern · restart · items · hash · ends here · transitions u32[classes] · items u16[]
 * ```
 * A transition is the address of the state, or one of three numbers that are no address.
 */
import { charge } from '../budget';
import { LazyWord } from './format';

const unknown: u32 = 0;
const matched: u32 = 1;
const dead: u32 = 2;

/** `lazyItemsMax`. */
const itemsMax: usize = 16_384;
const slotsTotal: usize = 8_192;
const statesMax: u32 = 6_000;
/** What a new transition costs beside the items it looks at. */
const transitionCharge: i64 = 64;

const statePattern: usize = 0;
const stateRestart: usize = 4;
const stateCount: usize = 8;
const stateHash: usize = 12;
const stateEnds: usize = 16;
const stateRow: usize = 20;

let marksAt: usize = 0;
let slotsAt: usize = 0;
let scratchAt: usize = 0;
let statesAt: usize = 0;
let cacheEnd: usize = 0;
let next: usize = 0;
let states: u32 = 0;
/** Tells whether what a pattern remembers is of this filling of the cache; never 0. */
let generation: u32 = 1;
let mark: u32 = 0;
let count: u32 = 0;
let hash: u32 = 0;
let flushes: u32 = 0;

/** The least that `lazyCacheOver` takes. */
export function lazyCacheBytesMin(): usize {
  return itemsMax * 4 + slotsTotal * 4 + itemsMax * 2 + 262_144;
}

/** `at` is a multiple of 16, and what lies there is zero. */
export function lazyCacheOver(at: usize, bytes: usize): void {
  if (bytes < lazyCacheBytesMin()) unreachable();
  marksAt = at;
  slotsAt = marksAt + itemsMax * 4;
  scratchAt = slotsAt + slotsTotal * 4;
  statesAt = scratchAt + itemsMax * 2;
  cacheEnd = at + bytes;
  next = statesAt;
}

/** States in the cache, and how often it was emptied: for benches and counters. */
export function lazyStates(): u32 {
  return states;
}
export function lazyFlushes(): u32 {
  return flushes;
}

/** As `matchPattern`. */
export function runLazy(pattern: usize, at: usize, length: i32): i32 {
  const classes = pattern + LazyWord.words * 4;
  const end = at + <usize>length;
  let state = startState(pattern);
  while (at < end) {
    const column = <usize>load<u8>(classes + <usize>load<u8>(at++));
    let target = load<u32>(state + (column << 2), stateRow);
    if (target == unknown) {
      target = step(pattern, state, <u32>column);
      if (target == unknown) return -1;
    }
    if (target <= dead) return target == matched ? 1 : 0;
    state = target;
  }
  return load<u32>(state, stateEnds);
}

function startState(pattern: usize): usize {
  if (load<u32>(pattern, LazyWord.cacheGeneration * 4) == generation)
    return load<u32>(pattern, LazyWord.cacheStart * 4);
  begin();
  const items = pattern + load<u32>(pattern, LazyWord.startAt * 4);
  const total = load<u32>(pattern, LazyWord.startCount * 4);
  for (let i: usize = 0; i < total; i++) add(load<u16>(items + (i << 1)));
  const state = find(pattern, load<u32>(pattern, LazyWord.restarts * 4));
  store<u32>(pattern, generation, LazyWord.cacheGeneration * 4);
  store<u32>(pattern, <u32>state, LazyWord.cacheStart * 4);
  return state;
}

/** The state behind one of a class, which the state remembers from now on. `unknown`: the budget is used up. */
function step(pattern: usize, state: usize, column: u32): u32 {
  const restartsAt = pattern + load<u32>(pattern, LazyWord.restartsAt * 4);
  const record = restartsAt + (<usize>load<u32>(state, stateRestart) << 4);
  const moves = load<u32>(pattern + load<u32>(record, 8) + (column << 2));
  if (moves == 0) return remember(state, column, matched);
  const after = load<u8>(pattern + load<u32>(pattern, LazyWord.restartOfClassAt * 4) + column);
  const holdsOffset = load<u32>(restartsAt + (<usize>after << 4), 4);
  const holds: usize = holdsOffset == 0 ? 0 : pattern + <usize>holdsOffset;
  begin();
  const brought = load<u16>(pattern + moves);
  for (let i: usize = 1; i <= <usize>brought; i++) add(load<u16>(pattern + moves + (i << 1)));
  const work = advance(pattern, state, column, holds);
  if (work < 0) return remember(state, column, matched);
  if (!charge(transitionCharge + work + brought)) return unknown;
  if (count == 0 && holdsOffset == 0) return remember(state, column, dead);
  const before = generation;
  const target = <u32>find(pattern, after);
  // Where the cache was emptied meanwhile, the old state is no more.
  return before == generation ? remember(state, column, target) : target;
}

/** Adds what the items of a state bring. How many items were looked at, or -1 for the match. */
function advance(pattern: usize, state: usize, column: u32, holds: usize): i64 {
  const lists = pattern + load<u32>(pattern, LazyWord.listsAt * 4);
  const itemLists = pattern + load<u32>(pattern, LazyWord.itemListsAt * 4);
  const classWords = <usize>load<u32>(pattern, LazyWord.classWords * 4);
  const itemClasses =
    pattern + load<u32>(pattern, LazyWord.itemClassesAt * 4) + ((<usize>column >> 6) << 3);
  const bit = <u64>1 << (column & 63);
  const total = <usize>load<u32>(state, stateCount);
  const items = state + stateRow + (<usize>load<u32>(pattern, LazyWord.classes * 4) << 2);
  let work: i64 = total;
  for (let i: usize = 0; i < total; i++) {
    const item = <usize>load<u16>(items + (i << 1));
    if ((load<u64>(itemClasses + ((item * classWords) << 3)) & bit) == 0) continue;
    const list = <usize>load<u16>(itemLists + (item << 1));
    if (list == 0) return -1;
    let at = pattern + load<u32>(lists + (list << 2));
    const end = pattern + load<u32>(lists + (list << 2), 4);
    work += (end - at) >> 1;
    for (; at < end; at += 2) {
      const reached = <u32>load<u16>(at);
      if (holds != 0 && ((load<u32>(holds + ((reached >> 5) << 2)) >> (reached & 31)) & 1) != 0)
        continue;
      add(reached);
    }
  }
  return work;
}

@inline
function remember(state: usize, column: u32, target: u32): u32 {
  store<u32>(state + (<usize>column << 2), target, stateRow);
  return target;
}

// Sets of items, found without sorting: a hash that does not hang on their order, and marks.

@inline
function begin(): void {
  if (++mark == 0) {
    memory.fill(marksAt, 0, itemsMax * 4);
    mark = 1;
  }
  count = 0;
  hash = 0;
}

@inline
function add(item: u32): void {
  const at = marksAt + (<usize>item << 2);
  if (load<u32>(at) == mark) return;
  store<u32>(at, mark);
  store<u16>(scratchAt + (<usize>count << 1), <u16>item);
  count++;
  hash += mixed(item + 1);
}

@inline
function mixed(value: u32): u32 {
  let bits = (value ^ (value >> 16)) * 0x85ebca6b;
  bits = (bits ^ (bits >> 13)) * 0xc2b2ae35;
  return bits ^ (bits >> 16);
}

/** The state of the set begun, old or new. */
function find(pattern: usize, restart: u32): usize {
  const wanted = hash + mixed(<u32>pattern + restart);
  let slot = <usize>wanted & (slotsTotal - 1);
  for (;;) {
    const state = <usize>load<u32>(slotsAt + (slot << 2));
    if (state == 0) break;
    if (load<u32>(state, stateHash) == wanted && isSame(state, pattern, restart)) return state;
    slot = (slot + 1) & (slotsTotal - 1);
  }
  const classes = <usize>load<u32>(pattern, LazyWord.classes * 4);
  const bytes = (stateRow + (classes << 2) + (<usize>count << 1) + 7) & ~7;
  if (next + bytes > cacheEnd || states >= statesMax) {
    flush();
    slot = <usize>wanted & (slotsTotal - 1);
  }
  // A single state is far smaller than the least cache.
  if (next + bytes > cacheEnd) unreachable();
  const state = next;
  next += bytes;
  states++;
  store<u32>(slotsAt + (slot << 2), <u32>state);
  make(state, pattern, restart, wanted, classes);
  return state;
}

function make(state: usize, pattern: usize, restart: u32, wanted: u32, classes: usize): void {
  const record =
    pattern + load<u32>(pattern, LazyWord.restartsAt * 4) + (<usize>restart << 4);
  store<u32>(state, <u32>pattern, statePattern);
  store<u32>(state, restart, stateRestart);
  store<u32>(state, count, stateCount);
  store<u32>(state, wanted, stateHash);
  // The item that waits for the end is number 0.
  const ends = load<u32>(record) != 0 || load<u32>(marksAt) == mark;
  store<u32>(state, ends ? 1 : 0, stateEnds);
  memory.fill(state + stateRow, 0, classes << 2);
  memory.copy(state + stateRow + (classes << 2), scratchAt, <usize>count << 1);
}

function isSame(state: usize, pattern: usize, restart: u32): bool {
  if (load<u32>(state, statePattern) != <u32>pattern) return false;
  if (load<u32>(state, stateRestart) != restart) return false;
  if (load<u32>(state, stateCount) != count) return false;
  const items = state + stateRow + (<usize>load<u32>(pattern, LazyWord.classes * 4) << 2);
  for (let i: usize = 0; i < <usize>count; i++) {
    const item = <usize>load<u16>(items + (i << 1));
    if (load<u32>(marksAt + (item << 2)) != mark) return false;
  }
  return true;
}

function flush(): void {
  memory.fill(slotsAt, 0, slotsTotal << 2);
  next = statesAt;
  states = 0;
  flushes++;
  if (++generation == 0) generation = 1;
}
