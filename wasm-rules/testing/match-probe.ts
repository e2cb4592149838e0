/**
 * The matchers of the engine behind exports, for `test/waf/match/`: blobs and subjects are written into memory
 * that `allocate` hands out.
 */
import { arenaOver, arenaReset } from '../engine/arena';
import { budgetLeft as left, setBudget as set } from '../engine/budget';
import { kindsIn as kinds } from '../engine/match/byte-kinds';
import { captureByThreads as threads, capturePattern as capture } from '../engine/match/capture';
import { lazyCacheOver, lazyFlushes as flushes, lazyStates as states } from '../engine/match/lazy';
import { matchPattern as match } from '../engine/match/pattern';
import { findPhrase as find } from '../engine/match/phrases';
import { scan as scanString, scanWords as words } from '../engine/match/scan';

let next: usize = (__heap_base + 15) & ~15;

/** Zeroed, on a multiple of 16, never freed. */
export function allocate(bytes: usize): usize {
  const at = next;
  next = (next + bytes + 15) & ~15;
  const pages = <i32>((next + 65_535) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) unreachable();
  return at;
}

export function prepare(cacheBytes: usize, arenaBytes: usize): void {
  lazyCacheOver(allocate(cacheBytes), cacheBytes);
  const arena = allocate(arenaBytes);
  arenaOver(arena, arena + arenaBytes);
}

export function setBudget(units: i64): void {
  set(units);
}
export function budgetLeft(): i64 {
  return left();
}
export function kindsIn(at: usize, length: i32): u64 {
  return kinds(at, length);
}
export function scanWords(scanSet: usize): i32 {
  return words(scanSet);
}
export function scan(scanSet: usize, at: usize, length: i32, bits: usize): u64 {
  return scanString(scanSet, at, length, bits);
}
export function matchPattern(pattern: usize, at: usize, length: i32): i32 {
  return match(pattern, at, length);
}
export function capturePattern(program: usize, at: usize, length: i32, into: usize): bool {
  arenaReset();
  return capture(program, at, length, into);
}
export function captureByThreads(program: usize, at: usize, length: i32, into: usize): bool {
  arenaReset();
  memory.fill(into, 0xff, 80);
  return threads(program, at, length, into);
}
export function findPhrase(phrases: usize, at: usize, length: i32): i64 {
  return find(phrases, at, length);
}
export function lazyStates(): u32 {
  return states();
}
export function lazyFlushes(): u32 {
  return flushes();
}

// For benches: the same call many times, so that what is timed is the guest.

export function matchMany(pattern: usize, at: usize, length: i32, times: i32): i32 {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += match(pattern, at, length);
  return sum;
}

/** `table`: offset and length of each string. */
export function scanMany(scanSet: usize, table: usize, count: i32, bits: usize, times: i32): u64 {
  let all: u64 = 0;
  for (let i = 0; i < times; i++)
    for (let j: usize = 0; j < <usize>count; j++) {
      const entry = table + (j << 3);
      all |= scanString(scanSet, load<u32>(entry), load<i32>(entry, 4), bits);
    }
  return all;
}

export function findMany(phrases: usize, at: usize, length: i32, times: i32): i64 {
  let last: i64 = 0;
  for (let i = 0; i < times; i++) last = find(phrases, at, length);
  return last;
}
