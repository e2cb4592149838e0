/**
 * 64 kinds of bytes. The set of kinds that a string holds fits one u64 and costs one OR a byte; from it alone
 * follows which patterns cannot match the string (`kind-masks.ts`) and which transformations cannot change it.
 *
 * A byte may be of several kinds: `A` is an upper-case letter and of the kind of `a`, so patterns without case
 * ask for the letter, and `lowercase` asks for upper case. A kind that is absent says that none of its bytes
 * are there. The guest has the same table: `wasm-rules/engine/match/byte-kinds.ts`.
 */
export const kindsTotal = 64;
export const everyKind = (1n << 64n) - 1n;

/** One kind each: what transformations look for, and what attacks are written with. */
const single = '%+&=\'"<>();:/\\.-_|$`{}[],*#!?@~^\0\r\n\t \v\f';
/** Frequent letters share, rare ones stand alone: 20 kinds for 26 letters. */
const letterGroups = [...'bcdfghjkmpqvwxyzlu', 'eta', 'oinsr'];

const control = single.length;
const digit = control + 1;
const upper = digit + 1;
/** 0x80–0xBF, continuation bytes of UTF-8. */
const highLow = upper + 1;
/** 0xC0–0xFF. */
const highHigh = highLow + 1;
const firstLetter = highHigh + 1;

/** Bit numbers of those that code names. */
export const kindNumbers = { control, digit, upper, highLow, highHigh } as const;

/** Low and high half of the mask of each byte: numbers, as BigInt has no place in a compiler's inner loops. */
export const kindLow = new Uint32Array(256);
export const kindHigh = new Uint32Array(256);

for (let byte = 0; byte < 256; byte++) for (const kind of kindsOf(byte)) addKind(byte, kind);

/** The kinds of one byte, as bit numbers. */
export function kindsOf(byte: number): readonly number[] {
  const at = single.indexOf(String.fromCharCode(byte));
  if (at !== -1) return [at];
  if (byte >= 0xc0) return [highHigh];
  if (byte >= 0x80) return [highLow];
  if (byte >= 0x30 && byte <= 0x39) return [digit];
  const folded = String.fromCharCode(byte | 0x20);
  const group = letterGroups.findIndex((letters) => letters.includes(folded));
  const isUpper = byte >= 0x41 && byte <= 0x5a;
  if (group !== -1 && (isUpper || (byte >= 0x61 && byte <= 0x7a)))
    return isUpper ? [firstLetter + group, upper] : [firstLetter + group];
  return [control];
}

/** The kinds of a whole string. */
export function kindsIn(bytes: Uint8Array): bigint {
  let low = 0;
  let high = 0;
  for (const byte of bytes) {
    low |= kindLow[byte] as number;
    high |= kindHigh[byte] as number;
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function addKind(byte: number, kind: number): void {
  if (kind < 32) kindLow[byte] = (kindLow[byte] as number) | (1 << kind);
  else kindHigh[byte] = (kindHigh[byte] as number) | (1 << (kind - 32));
}
