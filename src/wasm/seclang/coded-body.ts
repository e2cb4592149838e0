/**
 * A request body taken out of its Content-Encoding, so that rules see what the origin will see. At most two codings, one
 * inside the other, and never more bytes than are asked for: what expands beyond that is a bomb, and is refused. Where
 * a route looks at the beginning alone, the beginning is decoded, as far as it goes; where it looks at all of a body that
 * does not fit the window, it is decoded as it comes.
 */
import { type Compression, type Decompressed, Decompressor } from '#core/decompressor.ts';
import { fieldNamed } from '#waf/field-named.ts';
import type { HeadView } from '#waf/head-view.ts';

const codingsMax = 2;

/** `codings` is the value of the field, in the order they were applied. */
export function decodeBody(codings: string, bytes: Buffer, bytesMax: number): Decompressed {
  using stream = CodedStream.of(codings, 'brief');
  const decoded = stream?.push(bytes, bytesMax) ?? 'unreadable';
  return typeof decoded === 'string' || stream?.isWhole() === true ? decoded : 'unreadable';
}

/** Of a body whose end is not here, or is not looked at. */
export function decodeBeginning(codings: string, bytes: Buffer, bytesMax: number): Decompressed {
  using stream = CodedStream.of(codings, 'brief');
  return stream?.pushLast(bytes, bytesMax) ?? 'unreadable';
}

/** Of all fields of that name, as one list (RFC 9110, section 5.3): a coding in the second counts like one in the first. */
export function codingsField(view: HeadView): string {
  let at = fieldNamed(view, 'content-encoding');
  if (at < 0) return '';
  const values: string[] = [];
  for (; at >= 0; at = fieldNamed(view, 'content-encoding', at + 1))
    values.push(view.headerValue(at));
  return values.join(',');
}

/** Their names, in the order they were applied; without those that change nothing. */
export const codingsOf = (codings: string): string[] =>
  codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');

/** What the windows of all lasting streams of this process may take together, beside those of zlib, which are small. */
const windowsBytesMax = 67_108_864;
let windowsBytes = 0;

/** A coded body in pieces, each decoded as far as its bytes go. */
export class CodedStream {
  /** The outermost first; null until the first byte says what it is. */
  readonly #layers: { readonly name: string; decompressor: Decompressor | null }[];
  readonly #isLasting: boolean;
  #windowBytes = 0;

  private constructor(names: readonly string[], isLasting: boolean) {
    this.#isLasting = isLasting;
    this.#layers = names.toReversed().map((name) => ({ name, decompressor: null }));
  }

  /** Null for codings that cannot be undone. A brief one is done with before anything else is begun. */
  static of(codings: string, kind: 'brief' | 'lasting'): CodedStream | null {
    const names = codingsOf(codings);
    const isKnown = names.every((name) => /^(?:x-)?gzip$|^deflate$|^br$|^zstd$/.test(name));
    return isKnown && names.length <= codingsMax
      ? new CodedStream(names, kind === 'lasting')
      : null;
  }

  /** It has come to its end. To be asked when all is given. */
  isWhole(): boolean {
    return this.#layers.every(({ decompressor }) => decompressor?.isWhole() === true);
  }

  /** At most so many bytes of each layer. After a word in their place it is of no more use. */
  push(bytes: Buffer, bytesMax: number): Decompressed {
    return this.#through(bytes, (decompressor, layer) => decompressor.push(layer, bytesMax));
  }

  /** As far as it goes, and no more of it. */
  pushLast(bytes: Buffer, bytesMax: number): Decompressed {
    return this.#through(bytes, (decompressor, layer) => decompressor.pushLast(layer, bytesMax));
  }

  /** To be called when no more comes. */
  [Symbol.dispose](): void {
    for (const { decompressor } of this.#layers) decompressor?.close();
    windowsBytes -= this.#windowBytes;
    this.#windowBytes = 0;
  }

  #through(
    bytes: Buffer,
    push: (decompressor: Decompressor, layer: Buffer) => Decompressed,
  ): Decompressed {
    let decoded = bytes;
    for (const layer of this.#layers) {
      const [first] = decoded;
      if (first === undefined) break;
      if (layer.decompressor === null) {
        if (this.#isLasting && !this.#takeWindow(layer.name, first)) return 'too-long';
        layer.decompressor = new Decompressor(compressionOf(layer.name, first));
      }
      const found = push(layer.decompressor, decoded);
      if (typeof found === 'string') return found;
      decoded = found;
    }
    return decoded;
  }

  #takeWindow(name: string, first: number): boolean {
    const bytes = windowBytesOf(name, first);
    if (windowsBytes + bytes > windowsBytesMax) return false;
    windowsBytes += bytes;
    this.#windowBytes += bytes;
    return true;
  }
}

function compressionOf(name: string, first: number): Compression {
  if (name === 'br' || name === 'zstd') return name;
  if (name !== 'deflate') return 'gzip';
  // Some senders leave the frame of zlib out, and some origins take that: the low bits of the first byte tell.
  return (first & 15) === 8 ? 'zlib' : 'deflate';
}

/** RFC 7932, section 9.1, and RFC 9659: how far back a stream may copy from. */
function windowBytesOf(name: string, first: number): number {
  if (name === 'zstd') return 2 ** 23;
  if (name !== 'br' || (first & 1) === 0) return name === 'br' ? 2 ** 16 : 0;
  const [high, low] = [(first >> 1) & 7, (first >> 4) & 7];
  return high > 0 ? 2 ** (17 + high) : 2 ** (low === 0 ? 17 : 8 + low);
}
