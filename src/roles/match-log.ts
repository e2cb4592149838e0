/**
 * `waf.matchLog`: lines of SecLang matches, written before the answer they are about is sent, so that who reads the
 * file behind a response finds them. Matches are rare, so a write of its own each is no cost that counts.
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { WeirError } from '#core/errors.ts';

/** A file that was moved away by a rotation is opened anew after at most so long. */
const lookMs = 1_000;

export class MatchLog {
  #path: string | null = null;
  #descriptor: number | null = null;
  #lookedAt = 0;
  /** Lines that could not be written. */
  failures = 0;

  /** `off`: nothing is written. Throws where the file cannot be opened. */
  open(path: string): void {
    const wanted = path === 'off' ? null : path;
    if (wanted === this.#path) return;
    const descriptor = wanted === null ? null : openLog(wanted);
    this.close();
    this.#path = wanted;
    this.#descriptor = descriptor;
  }

  /** `make` is called where there is a log. */
  write(make: () => string): void {
    if (this.#descriptor === null) return;
    const lines = make();
    if (lines === '') return;
    try {
      this.#followRotation();
      writeSync(this.#descriptor, lines, null, 'latin1');
    } catch {
      // A disk that is full must not stop requests; the count says that lines are missing.
      this.failures++;
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#path = null;
  }

  #followRotation(): void {
    const now = performance.now();
    if (this.#path === null || this.#descriptor === null || now - this.#lookedAt < lookMs) return;
    this.#lookedAt = now;
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === fstatSync(this.#descriptor).ino) return;
    const descriptor = openLog(this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw new WeirError('CONFIG_INVALID', `waf.matchLog ${path} cannot be opened for writing`, {
      cause: error,
    });
  }
}
