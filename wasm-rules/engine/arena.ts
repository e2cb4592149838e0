/**
 * Memory for one call: a bump pointer that goes back to the start at the next one. Everything that the parts
 * of the engine make lies here, and nothing is ever freed.
 */
let base: usize = 0;
let end: usize = 0;
let next: usize = 0;

/** Between two addresses; `at` is a multiple of 16. */
export function arenaOver(at: usize, until: usize): void {
  base = at;
  end = until;
  next = at;
}

export function arenaReset(): void {
  next = base;
}

/** 16 bytes aligned. Traps where the arena is used up: the limits on what a request may hold come first. */
@inline
export function arenaTake(bytes: usize): usize {
  const at = next;
  if (bytes > end - at) unreachable();
  next = at + ((bytes + 15) & ~15);
  return at;
}

/** What is left, in bytes. */
export function arenaLeft(): usize {
  return end - next;
}

/** Gives back the end of what was taken last: it has `bytes` now. */
export function arenaShrink(at: usize, bytes: usize): void {
  next = at + ((bytes + 15) & ~15);
}
