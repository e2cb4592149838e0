/** Client hellos put together by hand, well-formed or not. */

export type HelloParts = {
  readonly version: number;
  readonly ciphers: readonly number[];
  /** Type and content in hexadecimal; null for a hello that ends before them. */
  readonly extensions: readonly (readonly [type: number, content: string])[] | null;
  /** In place of `ciphers`, hexadecimal. */
  readonly cipherBytes?: string;
  /** In place of `extensions`. */
  readonly extensionBytes?: string;
  /** Behind everything, inside the message. */
  readonly behind?: string;
};

/** The handshake message: type, length, hello. */
export function helloMessage(parts: HelloParts): Buffer {
  const ciphers = parts.cipherBytes ?? parts.ciphers.map((value) => hex16(value)).join('');
  const extensions =
    parts.extensionBytes ??
    (parts.extensions ?? []).map(([type, content]) => hex16(type) + vector16(content)).join('');
  const body = Buffer.from(
    hex16(parts.version) +
      '11'.repeat(32) +
      '00' +
      vector16(ciphers) +
      '0100' +
      (parts.extensions === null ? '' : vector16(extensions)) +
      (parts.behind ?? ''),
    'hex',
  );
  return Buffer.concat([Buffer.from([1, 0, body.length >>> 8, body.length & 255]), body]);
}

/** In records of at most `size` bytes of content. */
export function inRecords(message: Buffer, size = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >>> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

const hex16 = (value: number): string => value.toString(16).padStart(4, '0');
const vector16 = (content: string): string => hex16(content.length / 2) + content;
