/**
 * The client hello, read before TLS answers it: the name asked for, the protocols offered, and what a
 * fingerprint is made of.
 *
 * Strict where RFC 8446 sections 4.1.2, 4.2 and 5.1 are: every length must fit what holds it, and an
 * extension stands once. OpenSSL reads the same bytes again and has the last word, so what this parser
 * takes more tolerantly than OpenSSL opens nothing; what it refuses never gets there.
 *
 * ```
 * record(22, 3.x, length) … ─► handshake(1, length) ─► version random session suites compression extensions
 * ```
 *
 * A hello may be split over several records. Nothing is read beyond its end.
 */

export type ClientHello = {
  /** What the version field says; TLS 1.3 says 0x0303 here and the truth in `versions`. */
  readonly legacyVersion: number;
  /** As sent, GREASE and all. */
  readonly ciphers: readonly number[];
  /** Extension types in the order sent. */
  readonly extensions: readonly number[];
  /** Of supported_versions; empty without it. */
  readonly versions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** Latin1; empty without it. */
  readonly serverName: string;
  readonly hasServerName: boolean;
  /** ALPN names, latin1. */
  readonly protocols: readonly string[];
};

/** `incomplete` asks for more bytes. */
export type HelloResult = ClientHello | 'incomplete' | 'invalid';

/** Today's largest, with a post-quantum key share and a full session ticket, have some 2 KB. */
export const helloBytesMax = 16_384;
/** The hello in records of a few bytes each has more headers than content; no client does that. */
export const helloRecordsMax = 64;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const extension = {
  serverName: 0,
  signatureAlgorithms: 13,
  alpn: 16,
  supportedVersions: 43,
} as const;

export function parseClientHello(bytes: Buffer): HelloResult {
  const message = firstMessage(bytes);
  if (typeof message === 'string') return message;
  try {
    return readHello(new Reader(message, messageHeaderBytes, message.length));
  } catch (error) {
    if (error instanceof MalformedHello) return 'invalid';
    throw error;
  }
}

/** The first handshake message, whole, out of the records that carry it; in place where it is one. */
function firstMessage(bytes: Buffer): Buffer | 'incomplete' | 'invalid' {
  const parts: Buffer[] = [];
  let have = 0;
  let need = Number.POSITIVE_INFINITY;
  for (let at = 0, records = 0; have < need; records++) {
    // What is there of a header must fit before the rest of it is waited for.
    if (at < bytes.length && bytes[at] !== 22) return 'invalid';
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return 'invalid';
    if (records === helloRecordsMax) return 'invalid';
    if (at + recordHeaderBytes > bytes.length) return 'incomplete';
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return 'invalid';
    const start = at + recordHeaderBytes;
    const part = bytes.subarray(start, start + length);
    parts.push(part);
    have += part.length;
    if (need === Number.POSITIVE_INFINITY && have >= messageHeaderBytes) {
      const header = parts.length === 1 ? part : Buffer.concat(parts);
      if (header[0] !== 1) return 'invalid';
      need = messageHeaderBytes + header.readUIntBE(1, 3);
      if (need > helloBytesMax) return 'invalid';
    } else if (parts[0] !== undefined && parts[0].length > 0 && parts[0][0] !== 1) return 'invalid';
    if (have >= need) break;
    if (part.length < length) return 'incomplete';
    at = start + length;
  }
  const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  return whole.subarray(0, need);
}

function readHello(reader: Reader): ClientHello {
  const legacyVersion = reader.uint16();
  reader.advance(32);
  reader.vector8(0, 32);
  const ciphers = reader.vector16(2).uint16s();
  reader.vector8(1, 255);
  const hello = {
    legacyVersion,
    ciphers,
    extensions: [] as number[],
    versions: [] as readonly number[],
    signatureAlgorithms: [] as readonly number[],
    serverName: '',
    hasServerName: false,
    protocols: [] as readonly string[],
  };
  // Before TLS 1.2 a hello could end here.
  if (reader.isEmpty) return hello;
  const all = reader.vector16(0);
  reader.end();
  const seen = new Set<number>();
  while (!all.isEmpty) {
    const type = all.uint16();
    if (seen.has(type)) throw new MalformedHello();
    seen.add(type);
    hello.extensions.push(type);
    switch (type) {
      case extension.serverName:
        hello.serverName = serverName(all.vector16(0));
        hello.hasServerName = true;
        break;
      case extension.alpn:
        hello.protocols = protocolNames(all.vector16(0));
        break;
      case extension.supportedVersions:
        hello.versions = all.vector16(0).vector8(2, 254).uint16s();
        break;
      case extension.signatureAlgorithms:
        hello.signatureAlgorithms = all.vector16(0).vector16(2).uint16s();
        break;
      default:
        all.advance(all.uint16());
    }
  }
  return hello;
}

/** RFC 6066 section 3: a list of which only host_name was ever defined, and of that only one may stand there. */
function serverName(content: Reader): string {
  const list = content.vector16(4);
  content.end();
  if (list.uint8() !== 0) throw new MalformedHello();
  const name = list.vector16(1);
  list.end();
  return name.text();
}

function protocolNames(content: Reader): string[] {
  const list = content.vector16(2);
  content.end();
  const names: string[] = [];
  while (!list.isEmpty) names.push(list.vector8(1, 255).text());
  return names;
}

class MalformedHello extends Error {}

/** A cursor that checks its bounds and advances. */
class Reader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#at === this.#end;
  }

  /** Nothing may be left. */
  end(): void {
    if (!this.isEmpty) throw new MalformedHello();
  }

  uint8(): number {
    this.advance(1);
    return this.#bytes[this.#at - 1] as number;
  }

  uint16(): number {
    this.advance(2);
    const bytes = this.#bytes;
    return ((bytes[this.#at - 2] as number) << 8) | (bytes[this.#at - 1] as number);
  }

  advance(count: number): void {
    if (this.#at + count > this.#end) throw new MalformedHello();
    this.#at += count;
  }

  vector8(lengthMin: number, lengthMax: number): Reader {
    const length = this.uint8();
    if (length < lengthMin || length > lengthMax) throw new MalformedHello();
    return this.#part(length);
  }

  vector16(lengthMin: number): Reader {
    const length = this.uint16();
    if (length < lengthMin) throw new MalformedHello();
    return this.#part(length);
  }

  uint16s(): number[] {
    const values: number[] = [];
    while (!this.isEmpty) values.push(this.uint16());
    return values;
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end);
  }

  #part(length: number): Reader {
    const start = this.#at;
    this.advance(length);
    return new Reader(this.#bytes, start, this.#at);
  }
}
