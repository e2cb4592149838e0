/**
 * OCSP responses kept over a restart, one file for each certificate: an edge that starts while the
 * authority's responder is down still has what it got before.
 *
 * What is kept is public and checked anew whenever it is read, so a damaged file is as good as none.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class OcspCache {
  readonly #directory: string;

  /** `state` is the state directory; responses stand in `ocsp/` under it. */
  constructor(state: string) {
    this.#directory = join(state, 'ocsp');
  }

  /** `sha256` is that of the certificate, lower-case hex. */
  read(sha256: string): Buffer | null {
    try {
      return readFileSync(this.#file(sha256));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  write(sha256: string, bytes: Buffer): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = `${this.#file(sha256)}.${process.pid}.tmp`;
    writeFileSync(temporary, bytes, { mode: 0o600 });
    renameSync(temporary, this.#file(sha256));
  }

  #file(sha256: string): string {
    return join(this.#directory, `${sha256}.der`);
  }
}
