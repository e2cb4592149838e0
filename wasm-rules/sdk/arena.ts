/**
 * Memory for one request: a bump pointer that goes back to the start at the next one.
 *
 * With the `stub` runtime nothing is ever freed, so what a request needs has to come from here and
 * not from `new`. Sized once, from what the host says its longest view is.
 */
let base: usize = 0;
let limit: usize = 0;
let next: usize = 0;

export function arenaCreate(bytes: usize): void {
  base = heap.alloc(bytes);
  limit = base + (bytes & ~15);
  next = base;
}

export function arenaReset(): void {
  next = base;
}

/** Bytes that stay until the next request. Running out is a mistake of the rule and traps. */
export function arenaTake(bytes: usize): usize {
  const at = next;
  if (bytes > limit - at) return beyond(bytes);
  next = at + ((bytes + 15) & ~15);
  return at;
}

/** Before `weir_reserve`, while the top level of a module runs, there is no arena yet. */
function beyond(bytes: usize): usize {
  if (limit != 0) throw new Error('arena exhausted');
  return heap.alloc(bytes);
}

/** Gives back everything taken since `mark`. */
export function arenaRelease(mark: usize): void {
  next = mark;
}

export function arenaMark(): usize {
  return next;
}
