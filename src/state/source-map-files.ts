/**
 * Source maps that came with rule modules, by the hash of the module: `modules/SHA256.map`, 0600. They serve traces
 * alone: one that is lost, or has no room, costs a failure its line and nothing else.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder, writePrivateFile } from './private-file.ts';

const suffix = '.map';
const ownPattern = /^[0-9a-f]{64}\.map(?:\.[0-9a-f]+\.tmp)?$/;

/** Of all of them together. */
export const sourceMapsBytesMax = 268_435_456;

export class SourceMapFiles {
  readonly #folder: string;
  readonly #bytesMax: number;

  constructor(folder: string, bytesMax: number = sourceMapsBytesMax) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  /** False where there is no room for it. */
  async put(sha256: string, text: string): Promise<boolean> {
    await makePrivateFolder(this.#folder);
    const name = `${sha256}${suffix}`;
    const others = (await this.#names()).filter((other) => other !== name);
    const sizes = await Promise.all(
      others.map((other) =>
        stat(join(this.#folder, other)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, Buffer.byteLength(text));
    if (bytes > this.#bytesMax) return false;
    await writePrivateFile(join(this.#folder, name), text);
    return true;
  }

  /** Null where there is none. */
  read(sha256: string): Promise<string | null> {
    return readFile(join(this.#folder, `${sha256}${suffix}`), 'utf8').catch(() => null);
  }

  /** Removes those of modules that are not named. */
  async collect(kept: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#names())
      if (!kept.has(name.slice(0, -suffix.length)))
        await rm(join(this.#folder, name), { force: true });
  }

  async #names(): Promise<readonly string[]> {
    return (await readdir(this.#folder).catch(() => [])).filter((name) => ownPattern.test(name));
  }
}
