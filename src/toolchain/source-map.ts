/**
 * A source map of a WebAssembly module (version 3, one line whose columns are offsets into the module), as
 * far as an offset is to become a place in a source.
 */

export type SourcePlace = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line itself, or null where the map does not carry the sources. */
  readonly text: string | null;
};

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const continues = 32;
/** How far the code of a library that stands in another function reaches. */
const segmentsBack = 200;
const digitBits = 5;

export class SourceMap {
  readonly #sources: readonly string[];
  readonly #contents: readonly (string | null)[];
  /** Four numbers a segment, in the order of the offsets: offset, source, line, column (from 0). */
  readonly #segments: Int32Array;

  private constructor(
    sources: readonly string[],
    contents: readonly (string | null)[],
    segments: Int32Array,
  ) {
    this.#sources = sources;
    this.#contents = contents;
    this.#segments = segments;
  }

  /** Null for what is no such map. */
  static parse(text: string): SourceMap | null {
    let raw: unknown;
    try {
      raw = JSON.parse(text);
    } catch {
      return null;
    }
    if (typeof raw !== 'object' || raw === null) return null;
    const { version, sources, sourcesContent, mappings } = raw as Record<string, unknown>;
    if (version !== 3 || typeof mappings !== 'string' || !isTexts(sources)) return null;
    const contents = isTexts(sourcesContent) ? sourcesContent : [];
    const segments = readSegments(mappings);
    return segments === null ? null : new SourceMap(sources, contents, segments);
  }

  /** The place of the code at this offset: the last that begins at it or before. */
  placeOf(offset: number): SourcePlace | null {
    return this.#place(this.#segmentAt(offset));
  }

  /**
   * Code of a library is mostly compiled into the function that uses it; then the nearest place before it
   * that is the author's own is the line that called it.
   */
  #ownPlaceBefore(offset: number): SourcePlace | null {
    const last = this.#segmentAt(offset);
    for (let index = last; index >= 0 && index > last - segmentsBack; index--) {
      const place = this.#place(index);
      if (place !== null && !place.file.startsWith('~lib/')) return place;
    }
    return null;
  }

  /** The line its author wrote, where there is one near; else that of the library. */
  authorPlaceOf(offset: number): SourcePlace | null {
    const place = this.placeOf(offset);
    if (place === null || !place.file.startsWith('~lib/')) return place;
    return this.#ownPlaceBefore(offset) ?? place;
  }

  #segmentAt(offset: number): number {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length / 4;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((segments[middle * 4] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #place(index: number): SourcePlace | null {
    if (index < 0) return null;
    const segments = this.#segments;
    const at = index * 4;
    const source = segments[at + 1] ?? 0;
    const file = this.#sources[source];
    if (file === undefined) return null;
    const line = segments[at + 2] ?? 0;
    const text = this.#contents[source]?.split('\n')[line]?.trimEnd() ?? null;
    return { file, line: line + 1, column: (segments[at + 3] ?? 0) + 1, text };
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Base64 VLQ: each segment holds differences to the one before; a fifth number, a name, is of no use here. */
function readSegments(mappings: string): Int32Array | null {
  // A module has one line; what is behind a semicolon would be another.
  const parts = (mappings.split(';')[0] ?? '').split(',');
  const segments = new Int32Array(parts.length * 4);
  const current = [0, 0, 0, 0];
  let count = 0;
  for (const part of parts) {
    if (part === '') continue;
    const numbers = readNumbers(part);
    if (numbers === null || numbers.length === 0) return null;
    for (let i = 0; i < 4; i++) current[i] = (current[i] ?? 0) + (numbers[i] ?? 0);
    // One number alone says that what follows comes from no source.
    if (numbers.length < 4) continue;
    segments.set(current, count++ * 4);
  }
  return segments.subarray(0, count * 4);
}

function readNumbers(part: string): number[] | null {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const letter of part) {
    const digit = base64.indexOf(letter);
    if (digit < 0 || shift > 30) return null;
    value += (digit & (continues - 1)) << shift;
    shift += digitBits;
    if ((digit & continues) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
    value = 0;
    shift = 0;
  }
  return shift === 0 ? numbers : null;
}
