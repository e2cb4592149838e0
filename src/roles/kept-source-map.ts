/**
 * A source map that came with a module, kept beside its bytes: looked through in a thread first, as it is from whoever
 * wrote the module. Without it a failure is told by function and offset, which is no reason to refuse the module; that
 * one came and is not used is said in `weir status`.
 */
import type { ModuleStore } from '#state/module-store.ts';
import { findSourceMapFault } from '#toolchain/failure-place.ts';
import type { FoundSourceMap } from '#wasm/found-source-map.ts';

export const sourceMapPart = (name: string): string => `module ${name} (source map)`;

/** Why it is not kept; null where it is, or none came. */
export async function keepSourceMap(
  store: ModuleStore,
  sha256: string,
  { sourceMap, sourceMapFault }: FoundSourceMap,
): Promise<string | null> {
  const fault = sourceMapFault ?? (await faultOf(store, sha256, sourceMap));
  return fault === null ? null : unusedMap(fault);
}

/** As `weir status` has it. */
export const unusedMap = (fault: string): string =>
  `its source map is not used, so a failure is told by function and offset: ${fault}`;

async function faultOf(
  { sourceMaps }: ModuleStore,
  sha256: string,
  sourceMap: string | null,
): Promise<string | null> {
  // What is kept was looked through when it came.
  if (sourceMap === null || sourceMap === (await sourceMaps.read(sha256))) return null;
  const fault = await findSourceMapFault(sourceMap);
  if (fault !== null) return fault;
  return (await sourceMaps.put(sha256, sourceMap)) ? null : 'those of others fill their room';
}
