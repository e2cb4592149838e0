/**
 * Reads an MMDB file from disk, unless it is the version that is known already.
 */
import { open } from 'node:fs/promises';
import { describeError } from './errors.ts';
import { Mmdb, mmdbBytesMax } from './mmdb.ts';

export type MmdbFile = { readonly version: string; readonly database: Mmdb };

/** Null where it is the version that is known; else why it cannot be used. */
export async function readMmdbFile(
  file: string,
  knownVersion: string | null,
): Promise<MmdbFile | string | null> {
  try {
    await using handle = await open(file, 'r');
    const { size, mtimeMs } = await handle.stat();
    const version = `${size} ${mtimeMs}`;
    if (version === knownVersion) return null;
    if (size > mmdbBytesMax) return `holds ${size} bytes; at most ${mmdbBytesMax} are read`;
    const bytes = Buffer.allocUnsafeSlow(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(bytes, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const database = Mmdb.open(bytes.subarray(0, length));
    return typeof database === 'string' ? database : { version, database };
  } catch (error) {
    return `cannot be read: ${describeError(error)}`;
  }
}

/** What is wrong with a file, every record of its tree looked at; null when nothing is. */
export async function damagedMmdb(file: string): Promise<string | null> {
  const read = await readMmdbFile(file, null);
  if (typeof read === 'string') return read;
  const damage = read?.database.damage() ?? null;
  return damage === null ? null : `is damaged: ${damage}`;
}
