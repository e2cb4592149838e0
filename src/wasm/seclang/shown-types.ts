/** Which answers' bodies rules look at (`SecResponseBodyMimeType`). */
import { fieldNamed } from '#waf/field-named.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { RuleSetFacts } from './rule-set-facts.ts';

type Settings = Pick<RuleSetFacts['settings'], 'responseBodyAccess' | 'responseBodyMimeTypes'>;

/** Longer values are read each time. */
const keptBytesMax = 128;

export class ShownTypes {
  readonly #isOn: boolean;
  readonly #types: readonly string[];
  /** The value that was read last, and what came of it: a site has few. */
  readonly #last = Buffer.alloc(keptBytesMax);
  #lastBytes = -1;
  #lastIsShown = false;

  constructor({ responseBodyAccess, responseBodyMimeTypes }: Settings) {
    this.#isOn = responseBodyAccess;
    this.#types = responseBodyMimeTypes;
  }

  /** By its first Content-Type; `null` among the types stands for an answer without one. */
  has(response: ResponseView): boolean {
    if (!this.#isOn) return false;
    const field = fieldNamed(response, 'content-type');
    if (field < 0) return this.#types.includes('null');
    const start = response.headers[field * 4 + 2] as number;
    const end = response.headers[field * 4 + 3] as number;
    if (!this.#isLast(response.bytes, start, end)) {
      const type = (response.headerValue(field).split(';')[0] ?? '').trim().toLowerCase();
      this.#lastIsShown = this.#types.includes(type);
      this.#lastBytes = end - start <= keptBytesMax ? end - start : -1;
      if (this.#lastBytes >= 0) response.bytes.copy(this.#last, 0, start, end);
    }
    return this.#lastIsShown;
  }

  #isLast(bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#lastBytes) return false;
    for (let at = 0; at < this.#lastBytes; at++)
      if (bytes[start + at] !== this.#last[at]) return false;
    return true;
  }
}
