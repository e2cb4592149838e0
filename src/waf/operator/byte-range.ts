/**
 * The bytes that `@validateByteRange` allows, `32-126,9,10`, as the guest looks them up: 256 bits, lowest first
 * (`wasm-rules/engine/operator/encoding.ts`).
 */
export type ByteRange =
  | { readonly kind: 'bytes'; readonly bits: Uint8Array }
  /** The piece that is no number from 0 to 255 and no range of them. */
  | { readonly kind: 'problem'; readonly piece: string };

export function compileByteRange(text: string): ByteRange {
  const bits = new Uint8Array(32);
  for (const piece of text.split(',')) {
    const found = /^\s*([0-9]{1,3})\s*(?:-\s*([0-9]{1,3}))?\s*$/.exec(piece);
    const from = Number(found?.[1] ?? Number.NaN);
    const to = Number(found?.[2] ?? from);
    if (!(from <= to && to <= 255)) return { kind: 'problem', piece };
    for (let byte = from; byte <= to; byte++)
      bits[byte >> 3] = (bits[byte >> 3] ?? 0) | (1 << (byte & 7));
  }
  return { kind: 'bytes', bits };
}
