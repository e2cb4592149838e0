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
  const end = endInOneRecord(bytes);
  const message = end > 0 ? bytes : firstMessage(bytes);
  if (typeof message === 'string') return message;
  const start = messageHeaderBytes + (end > 0 ? recordHeaderBytes : 0);
  try {
    return readHello(new Reader(message, start, end > 0 ? end : message.length));
  } catch (error) {
    if (error instanceof MalformedHello) return 'invalid';
    throw error;
  }
}

/** Where the message ends that lies whole in the first record, as nearly all do; 0 for any other. */
function endInOneRecord(bytes: Buffer): number {
  const start = recordHeaderBytes + messageHeaderBytes;
  if (bytes.length < start || bytes[0] !== 22 || bytes[1] !== 3 || bytes[5] !== 1) return 0;
  const recordBytes = bytes.readUInt16BE(3);
  const messageBytes = messageHeaderBytes + bytes.readUIntBE(6, 3);
  const end = recordHeaderBytes + messageBytes;
  const isWhole = messageBytes <= recordBytes && end <= bytes.length;
  return isWhole && recordBytes <= 16_384 && messageBytes <= helloBytesMax ? end : 0;
}

/** The first handshake message, whole, out of the records that carry it. */
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
  reader.leave(reader.enter8(0, 32));
  const ciphers = reader.uint16s(reader.enter16(2));
  reader.leave(reader.enter8(1, 255));
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
  reader.enterLast16();
  const reading = nextReading();
  while (!reader.isEmpty) {
    const type = reader.uint16();
    if (seenIn[type] === reading) throw new MalformedHello();
    seenIn[type] = reading;
    hello.extensions.push(type);
    const outer = reader.enter16(0);
    switch (type) {
      case extension.serverName:
        hello.serverName = serverName(reader);
        hello.hasServerName = true;
        break;
      case extension.alpn:
        hello.protocols = protocolNames(reader);
        break;
      case extension.supportedVersions:
        hello.versions = reader.uint16s(reader.enter8(2, 254));
        break;
      case extension.signatureAlgorithms:
        hello.signatureAlgorithms = reader.uint16s(reader.enter16(2));
        break;
    }
    reader.leave(outer);
  }
  return hello;
}

/** The last reading of a hello that had this extension: a set that need not be made anew or emptied. */
const seenIn = new Uint32Array(65_536);
let lastReading = 0;

function nextReading(): number {
  if (lastReading === 0xffff_ffff) {
    seenIn.fill(0);
    lastReading = 0;
  }
  return ++lastReading;
}

/** RFC 6066 section 3: a list of which only host_name was ever defined, and of that only one may stand there. */
function serverName(reader: Reader): string {
  reader.enterLast16(4);
  if (reader.uint8() !== 0) throw new MalformedHello();
  reader.enterLast16(1);
  return reader.text();
}

function protocolNames(reader: Reader): string[] {
  reader.enterLast16(2);
  const names: string[] = [];
  while (!reader.isEmpty) {
    const list = reader.enter8(1, 255);
    names.push(reader.text());
    reader.leave(list);
  }
  return names;
}

class MalformedHello extends Error {}

/**
 * A cursor that checks its bounds and advances. Within a vector its end is that of the vector: `enter` gives
 * the end it had before, for `leave`. One object reads a whole hello.
 */
class Reader {
  readonly #bytes: Buffer;
  #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#at === this.#end;
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

  enter8(lengthMin: number, lengthMax: number): number {
    const length = this.uint8();
    if (length < lengthMin || length > lengthMax) throw new MalformedHello();
    return this.#enter(length);
  }

  enter16(lengthMin: number): number {
    const length = this.uint16();
    if (length < lengthMin) throw new MalformedHello();
    return this.#enter(length);
  }

  /** Nothing may stand behind it in what holds it, so there is nothing to go back to but what is further out. */
  enterLast16(lengthMin = 0): void {
    if (this.enter16(lengthMin) !== this.#end) throw new MalformedHello();
  }

  /** What is left of a vector is passed over. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** All of a vector that has been entered, which is left. */
  uint16s(outer: number): number[] {
    const values: number[] = [];
    while (!this.isEmpty) values.push(this.uint16());
    this.#end = outer;
    return values;
  }

  /** All of a vector. */
  text(): string {
    const start = this.#at;
    this.#at = this.#end;
    return this.#bytes.toString('latin1', start, this.#end);
  }

  #enter(length: number): number {
    const outer = this.#end;
    if (this.#at + length > outer) throw new MalformedHello();
    this.#end = this.#at + length;
    return outer;
  }
}
