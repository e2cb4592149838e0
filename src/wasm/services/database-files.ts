/**
 * MMDB files that modules look addresses up in, in memory once a worker. A file is read again, when the
 * configuration is, if its size or time has changed; until then, and if that fails, the old one answers.
 */
import { WeirError } from '#core/errors.ts';
import { type MmdbFile, readMmdbFile } from '#core/mmdb-file.ts';
import type { AddressDatabase } from '../host-services.ts';

export class DatabaseFiles {
  readonly #loaded = new Map<string, MmdbFile>();

  get(file: string): AddressDatabase | null {
    return this.#loaded.get(file)?.database ?? null;
  }

  /** Throws CONFIG_INVALID for the first that is none. */
  async load(files: Iterable<string>): Promise<void> {
    for (const file of new Set(files)) {
      const loaded = await readMmdbFile(file, this.#loaded.get(file)?.version ?? null);
      if (typeof loaded === 'string')
        throw new WeirError('CONFIG_INVALID', `database ${file} ${loaded}`);
      if (loaded !== null) this.#loaded.set(file, loaded);
    }
  }

  retain(files: ReadonlySet<string>): void {
    for (const file of this.#loaded.keys()) if (!files.has(file)) this.#loaded.delete(file);
  }
}
