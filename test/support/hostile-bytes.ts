/**
 * Bytes nobody sends in good faith, from a seed: HTTP/2 sessions of frames that are nearly right, PROXY
 * headers and client hellos with a few bytes changed, added or cut off.
 */
import { encodeProxyHeader } from '#proxy/listener/encode-proxy-header.ts';
import {
  block,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type Field,
  frame,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  PRIORITY_FLAG,
  RST_STREAM,
  SETTINGS,
  settings,
  simplePost,
  simpleRequest,
  uint32,
  WINDOW_UPDATE,
} from './http2-peer.ts';

const flagBits = [0, END_STREAM, END_HEADERS, PADDED, PRIORITY_FLAG, 64];
const oddFields: readonly Field[] = [
  [':path', '/wait'],
  [':path', '*'],
  [':path', '/a b'],
  [':authority', 'other.test'],
  [':authority', 'a,b'],
  [':method', 'CONNECT'],
  [':method', 'HEAD'],
  [':protocol', 'websocket'],
  ['host', 'edge.test'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['content-length', '5'],
  ['content-length', '0'],
  ['content-length', '99999999999999999999'],
  ['expect', '100-continue'],
  ['upgrade', 'websocket'],
  ['te', 'trailers'],
  ['cookie', 'a=1'],
  ['cookie', ''],
  ['X-Upper', 'a'],
  ['x-line', 'a\r\nb: c'],
  ['x-nul', 'a\0b'],
  ['x-blank', ' a '],
  ['', 'a'],
  ['x-long', 'y'.repeat(9_000)],
];

export class HostileBytes {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Mulberry32. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(lengthMax: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(lengthMax + 1) }, () => this.below(256)));
  }

  /** A few bytes changed, put in, taken out, or the rest cut off. */
  mutated(source: Uint8Array): Buffer {
    let bytes: Buffer = Buffer.from(source);
    for (let changes = 1 + this.below(4); changes > 0; changes--) {
      const at = this.below(bytes.length + 1);
      const rest = bytes.subarray(at);
      const change = this.below(5);
      if (change === 0) bytes[at] = this.below(256);
      else if (change === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
      else if (change === 2) bytes = Buffer.concat([bytes.subarray(0, at), this.bytes(8), rest]);
      else if (change === 3)
        bytes = Buffer.concat([bytes.subarray(0, at), rest.subarray(this.below(8))]);
      else bytes = bytes.subarray(0, at);
    }
    return bytes;
  }

  proxyHeader(): Buffer {
    const text = `PROXY ${this.oneOf(['TCP4 192.0.2.1', 'TCP6 2001:db8::1', 'UNKNOWN a'])} ${this.oneOf(['198.51.100.1', '2001:db8::2', '::ffff:1.2.3.4'])} ${this.below(70_000)} 443\r\n`;
    const source = this.oneOf(['192.0.2.7', '2001:db8::7', 'no address']);
    const header = this.oneOf([
      Buffer.from(text),
      encodeProxyHeader(source, this.below(65_536), '198.51.100.1', 443),
    ]);
    return this.below(4) === 0 ? header : this.mutated(header);
  }

  http2Session(): Buffer {
    const frames = Array.from({ length: 1 + this.below(40) }, () => this.#frame());
    const bytes = Buffer.concat([PREFACE, settings(), ...frames]);
    return this.below(4) === 0 ? this.mutated(bytes) : bytes;
  }

  #frame(): Buffer {
    // Most are right, else the first frame ends every session.
    const isWrong = this.below(20) === 0;
    const id = isWrong ? this.oneOf([0, 2, this.below(0x7fff_ffff)]) : 1 + 2 * this.below(12);
    const flags = isWrong ? this.oneOf(flagBits) | this.oneOf(flagBits) : this.below(2);
    switch (this.below(isWrong ? 14 : 12)) {
      case 0:
      case 1:
      case 2:
        return frame(DATA, flags, id, this.bytes(200));
      case 3:
      case 4:
      case 5:
      case 6:
        return frame(HEADERS, END_HEADERS | (flags & END_STREAM), id, this.#block());
      case 7: {
        const fields = this.#block();
        const cut = this.below(fields.length);
        return Buffer.concat([
          frame(HEADERS, flags, id, fields.subarray(0, cut)),
          frame(CONTINUATION, END_HEADERS, id, fields.subarray(cut)),
        ]);
      }
      case 8:
        return frame(SETTINGS, 0, 0, Buffer.from([0, this.below(8), ...uint32(this.#number())]));
      case 9:
        return frame(WINDOW_UPDATE, 0, id, uint32(this.#number()));
      case 10:
        return frame(RST_STREAM, 0, id, uint32(this.below(20)));
      case 11:
        return isWrong
          ? frame(this.oneOf([PING, GOAWAY]), this.below(2), 0, this.bytes(10))
          : frame(PING, this.below(2), 0, 'abcdefgh');
      case 12:
        return frame(PRIORITY, 0, id, this.bytes(6));
      default:
        return frame(this.below(256), this.below(256), id, this.bytes(64));
    }
  }

  #number(): number {
    return this.oneOf([0, 1, 100, 16_384, 65_535, 0x7fff_ffff, 0xffff_ffff, this.below(2 ** 31)]);
  }

  #block(): Buffer {
    const start = this.oneOf([simpleRequest, simplePost]);
    const more = Array.from({ length: this.below(4) }, () => this.oneOf(oddFields));
    const plain = block(this.below(3) === 0 ? [...more, ...start] : [...start, ...more]);
    // Of the first field: kept in the table, never to be, or a reference.
    if (this.below(12) === 0) plain[0] = this.oneOf([0x40, 0x10, 0x82, 0xbe, 0x3f, 0x20]);
    return this.below(30) === 0 ? this.mutated(plain) : plain;
  }
}
