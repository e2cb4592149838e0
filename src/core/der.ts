/**
 * DER (X.690): a reader over bytes somebody else wrote, and the few encoders a request needs.
 *
 * Strict as DER is: definite lengths in their shortest form, one-byte tags, nothing behind what is read.
 */

export type DerValue = {
  readonly tag: number;
  /** What the value holds. */
  readonly content: Buffer;
  /** Tag, length and content: what is hashed and signed. */
  readonly whole: Buffer;
};

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  enumerated: 0x0a,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** Context-specific and constructed, as `[0] EXPLICIT`. */
export const explicitTag = (number: number): number => 0xa0 | number;

export class DerError extends Error {}

/** The values in a row that `bytes` hold; throws DerError where they do not end where they should. */
export function derValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = valueAt(bytes, at);
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** The one value that `bytes` are. */
export function derValue(bytes: Buffer, tag: number): DerValue {
  const values = derValues(bytes);
  return expectTag(values.length === 1 ? values[0] : undefined, tag);
}

export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value === undefined || value.tag !== tag)
    throw new DerError(`0x${tag.toString(16)} expected, 0x${(value?.tag ?? 0).toString(16)} found`);
  return value;
}

function valueAt(bytes: Buffer, at: number): DerValue {
  const tag = bytes[at] as number;
  const first = bytes[at + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f) throw new DerError('a value is cut off');
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3 || start + count > bytes.length)
      throw new DerError('a length is not definite, or too long');
    length = bytes.readUIntBE(start, count);
    start += count;
    const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    if (count !== shortest) throw new DerError('a length is not in its shortest form');
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('a value is cut off');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

export function encodeDer(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

/** `20260131120000Z` to milliseconds since 1970; DER has no other form without fractions. */
export function derTime(value: DerValue): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(value.content.toString('latin1'));
  const time = match === null ? Number.NaN : Date.parse(iso(match));
  if (value.tag !== derTag.generalizedTime || Number.isNaN(time)) throw new DerError('no time');
  return time;
}

const iso = ([, year, month, day, hour, minute, second]: RegExpExecArray): string =>
  `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
