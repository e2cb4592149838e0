/**
 * What a rule set was read from, so that a look at the disk says whether it would be read the same again. Reading and
 * parsing a large set takes most of a second, and each load of a module asks what its configured source holds by now.
 *
 * A mark is taken before the file is read: one that is written meanwhile has another mark at the next look. The time of the
 * last change of the inode is in it, which no program sets.
 */
import { statSync } from 'node:fs';

export type SourceMark = { readonly path: string; readonly mark: string };

/** Of a file, a folder (names coming and going change it), or what is not there. */
export function markOf(path: string): SourceMark {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (status === undefined) return { path, mark: 'none' };
  const { dev, ino, mode, size, mtimeNs, ctimeNs } = status;
  return { path, mark: [dev, ino, mode, size, mtimeNs, ctimeNs].join() };
}

export function areUnchanged(marks: readonly SourceMark[]): boolean {
  try {
    return marks.every(({ path, mark }) => markOf(path).mark === mark);
  } catch {
    // What cannot be looked at is read, which says why.
    return false;
  }
}
