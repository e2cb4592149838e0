/**
 * A configuration in which something is wrong: what did not fit the schema is undefined, everything else
 * is in its place. Checks that look at more than one value read it, so that a mistyped key does not hide
 * a file that cannot be read.
 */
import type { Config } from './schema.ts';

export type Draft<T> = T extends readonly (infer E)[]
  ? (Draft<E> | undefined)[]
  : T extends object
    ? { [K in keyof T]?: Draft<T[K]> | undefined }
    : T;

export type ConfigDraft = Draft<Config>;

/** The elements of a list that are there, with the index they stand at. */
export function present<E>(list: readonly (E | undefined)[] | undefined): [number, E][] {
  return (list ?? []).flatMap((value, index): [number, E][] =>
    value === undefined ? [] : [[index, value]],
  );
}

/** The entries of a map that are there. */
export function presentEntries<E>(
  map: Readonly<Record<string, E | undefined>> | undefined,
): [string, E][] {
  return Object.entries(map ?? {}).flatMap(([name, value]): [string, E][] =>
    value === undefined ? [] : [[name, value]],
  );
}
