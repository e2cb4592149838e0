/**
 * Bytes of rule modules by content: `modules/SHA256.wasm`, 0600, written whole or not at all. What a fleet rolls
 * out is kept in the same way, `rollout/SHA256.blob`.
 *
 * A file is found by the hash of what it holds and checked against it whenever it is read, so neither a
 * damaged disk nor another hand brings other bytes to the workers.
 */
import { createHash } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { makePrivateFolder, writePrivateFile } from './private-file.ts';

const namePattern = /^[0-9a-f]{64}\.(?:wasm|blob)$/;
const temporaryPattern = /^[0-9a-f]{64}\.(?:wasm|blob)\.[0-9a-f]+\.tmp$/;

export class ModuleFiles {
  readonly #folder: string;
  readonly #suffix: '.wasm' | '.blob';

  constructor(folder: string, suffix: '.wasm' | '.blob' = '.wasm') {
    this.#folder = folder;
    this.#suffix = suffix;
  }

  /** Nothing is written where the bytes are kept already. Throws STATE_UNUSABLE. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(sha256);
    try {
      await makePrivateFolder(this.#folder);
      const kept = await stat(path).catch(() => null);
      if (kept?.size !== bytes.length || !(await this.#isWhole(sha256)))
        await writePrivateFile(path, bytes);
    } catch (error) {
      throw new WeirError(
        'STATE_UNUSABLE',
        `a module cannot be kept as ${path}; check the disk and the rights to the folder`,
        { cause: error },
      );
    }
  }

  /** Throws MODULE_UNREADABLE when the file is gone or holds something else. */
  async read(sha256: string): Promise<Uint8Array> {
    const path = this.#path(sha256);
    let bytes: Uint8Array;
    try {
      await using file = await open(path, 'r');
      bytes = await file.readFile();
    } catch (error) {
      throw new WeirError('MODULE_UNREADABLE', `the kept module ${path} cannot be read`, {
        cause: error,
      });
    }
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new WeirError(
        'MODULE_UNREADABLE',
        `the kept module ${path} is damaged: its bytes are not those of its name; load the module again`,
      );
    }
    return bytes;
  }

  /** Removes every module that is not named, and what interrupted writes have left. How many went. */
  async collect(kept: ReadonlySet<string>): Promise<number> {
    const names = await readdir(this.#folder).catch(() => []);
    const gone = names.filter((name) =>
      namePattern.test(name)
        ? !kept.has(name.slice(0, -this.#suffix.length))
        : temporaryPattern.test(name),
    );
    for (const name of gone) await rm(join(this.#folder, name), { force: true });
    return gone.length;
  }

  async #isWhole(sha256: string): Promise<boolean> {
    try {
      await this.read(sha256);
      return true;
    } catch (error) {
      // Written anew: what is damaged helps nobody.
      if (error instanceof WeirError) return false;
      throw new Error(describeError(error), { cause: error });
    }
  }

  #path(sha256: string): string {
    return join(this.#folder, `${sha256}${this.#suffix}`);
  }
}
