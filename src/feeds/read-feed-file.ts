/** A feed in a local file: read only where its size or time has changed since. */
import { open } from 'node:fs/promises';

export type FileMark = { readonly size: number; readonly modifiedMs: number };

export type ReadFile =
  | { readonly kind: 'unchanged'; readonly mark: FileMark }
  | { readonly kind: 'content'; readonly bytes: Buffer; readonly mark: FileMark };

/** Throws with what went wrong, in words. */
export async function readFeedFile(
  path: string,
  bytesMax: number,
  known: FileMark | null,
): Promise<ReadFile> {
  await using file = await open(path, 'r');
  const stats = await file.stat();
  if (!stats.isFile()) throw new Error(`${path} is no file`);
  const mark = { size: stats.size, modifiedMs: stats.mtimeMs };
  if (known !== null && known.size === mark.size && known.modifiedMs === mark.modifiedMs)
    return { kind: 'unchanged', mark };
  if (stats.size > bytesMax) throw new Error(`${path} is longer than ${bytesMax} bytes (bytesMax)`);
  const bytes = await file.readFile();
  // A writer that is still at it: what was read may be a part.
  const after = await file.stat();
  if (after.size !== bytes.length || after.mtimeMs !== stats.mtimeMs)
    throw new Error(`${path} changed while it was read`);
  return { kind: 'content', bytes, mark };
}
