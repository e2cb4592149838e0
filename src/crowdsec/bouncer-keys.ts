/** Who may ask: the keys of bouncers, known by their hashes, compared in a time that says nothing of them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServeSettings } from '#config/crowdsec-schema.ts';
import { readKeyFile } from './key-file.ts';

export class BouncerKeys {
  readonly #hashes: readonly (readonly [name: string, hash: Buffer])[];

  private constructor(hashes: readonly (readonly [string, Buffer])[]) {
    this.#hashes = hashes;
  }

  /** Throws with which file is wrong; two bouncers with one key are one mistake. */
  static async read(bouncers: ServeSettings['bouncers']): Promise<BouncerKeys> {
    const hashes: [string, Buffer][] = [];
    for (const [name, { keyFile }] of Object.entries(bouncers)) {
      const hash = hashOf(await readKeyFile(keyFile));
      const same = hashes.find(([, other]) => other.equals(hash));
      if (same !== undefined) throw new Error(`bouncers ${same[0]} and ${name} have the same key`);
      hashes.push([name, hash]);
    }
    return new BouncerKeys(hashes);
  }

  /** Null for a key of nobody. */
  nameOf(key: string | undefined): string | null {
    const hash = hashOf(key ?? '');
    let found: string | null = null;
    for (const [name, own] of this.#hashes) if (timingSafeEqual(own, hash)) found = name;
    return found;
  }
}

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();
