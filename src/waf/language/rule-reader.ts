/**
 * Where rule files and lists are read from: a disk, or a map in tests. Reading is synchronous, as it
 * happens when rules are compiled and never while requests wait for it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';

export type RuleReader = {
  /** Bytes as latin1 text; a sentence where it cannot be read or is longer than `bytesMax`. */
  read(path: string, bytesMax: number): { readonly text: string } | { readonly problem: string };
  /** Names in a folder, in any order; null where there is none. */
  list(folder: string): readonly string[] | null;
};

export const diskReader: RuleReader = {
  read(path, bytesMax) {
    try {
      const status = statSync(path);
      if (!status.isFile()) return { problem: 'it is not a file' };
      if (status.size > bytesMax) {
        return { problem: `it has ${status.size} bytes, and at most ${bytesMax} are read` };
      }
      return { text: readFileSync(path).toString('latin1') };
    } catch (error) {
      return { problem: systemWords(error) };
    }
  },
  list(folder) {
    try {
      return readdirSync(folder);
    } catch {
      return null;
    }
  },
};

function systemWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'it may not be read by this user';
  return error instanceof Error ? error.message : String(error);
}
