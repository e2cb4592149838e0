/**
 * What every rule module exports beside its phases. A rule's `index.ts` says
 *
 * ```ts
 * export { weir_abi, weir_reserve } from '../../sdk/module';
 * ```
 */
import { arenaCreate } from './arena';
import { abiVersion } from './layout';

export function weir_abi(): i32 {
  return abiVersion;
}

/**
 * Called once, before the first request. The buffer for views, and an arena that holds two copies of
 * the longest view, which is what `decode.ts` needs.
 */
export function weir_reserve(bytes: i32): usize {
  const buffer = heap.alloc(bytes);
  arenaCreate(<usize>bytes * 2 + 64);
  return buffer;
}
