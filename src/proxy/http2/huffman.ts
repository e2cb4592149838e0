/**
 * The string code of HPACK (RFC 7541 section 5.2 and appendix B), both ways.
 *
 * The code is canonical: codes count up in order of length, then of symbol, so the lengths are all there
 * is to write down. Decoding walks an automaton by half bytes: a step takes four bits and completes at
 * most one symbol, as no code is shorter than five; the table has 256 states of 16 entries and stays in
 * the first-level cache.
 */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const EOS = 256;
const codes = canonicalCodes();
const bits = Uint8Array.from(lengths);

/** An entry of the automaton: next state in the low byte, symbol in the second, then these. */
const EMITS = 1 << 16;
const FAILS = 1 << 17;
/** By state: the string may end here, after at most seven bits of padding, all of them ones. */
const mayEnd = new Uint8Array(256);
const steps = buildSteps();

/** Bytes the coded form of `bytes[start, end)` takes. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += bits[bytes[i] as number] as number;
  return (sum + 7) >>> 3;
}

/** Writes the coded form at `at`; returns the position after it. */
export function encodeHuffman(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let to = at;
  let held = 0;
  let count = 0;
  for (let i = start; i < end; i++) {
    const symbol = bytes[i] as number;
    let code = codes[symbol] as number;
    let length = bits[symbol] as number;
    // At most seven bits are held, so a long code goes in two parts to fit into 32.
    if (length > 24) {
      held = (held << (length - 24)) | (code >>> 24);
      count += length - 24;
      while (count >= 8) {
        count -= 8;
        target[to++] = held >>> count;
      }
      code &= 0xff_ffff;
      length = 24;
    }
    held = (held << length) | code;
    count += length;
    while (count >= 8) {
      count -= 8;
      target[to++] = held >>> count;
    }
  }
  if (count > 0) target[to++] = (held << (8 - count)) | (0xff >>> count);
  return to;
}

/** Results of `decodeHuffman` beside a position. */
export const huffmanInvalid = -1;
export const huffmanTooLong = -2;

/** Decodes `bytes[start, end)` into `target[at, limit)`; returns the position after it. */
export function decodeHuffman(
  target: Uint8Array,
  at: number,
  limit: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let to = at;
  let state = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    let step = steps[(state << 4) | (byte >>> 4)] as number;
    if (step >= EMITS) {
      if (step >= FAILS) return huffmanInvalid;
      if (to === limit) return huffmanTooLong;
      target[to++] = step >>> 8;
    }
    step = steps[((step & 0xff) << 4) | (byte & 15)] as number;
    if (step >= EMITS) {
      if (step >= FAILS) return huffmanInvalid;
      if (to === limit) return huffmanTooLong;
      target[to++] = step >>> 8;
    }
    state = step & 0xff;
  }
  return mayEnd[state] === 1 ? to : huffmanInvalid;
}

function canonicalCodes(): Uint32Array {
  const made = new Uint32Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    for (const [symbol, own] of lengths.entries()) if (own === length) made[symbol] = code++;
    code *= 2;
  }
  return made;
}

/** The code as a tree of pairs, then for each inner node and half byte where it leads. */
function buildSteps(): Uint32Array {
  /** Two children a node; a symbol is -1 - symbol; 0 is not there yet (the root is no child). */
  const children: [number, number][] = [[0, 0]];
  for (const [symbol, length] of lengths.entries()) {
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const pair = children[node] as [number, number];
      const side = ((codes[symbol] as number) >>> bit) & 1;
      if (bit === 0) pair[side] = -1 - symbol;
      else if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
      node = pair[side] as number;
    }
  }
  for (let node = 0, depth = 0; depth <= 7; depth++) {
    mayEnd[node] = 1;
    node = (children[node] as [number, number])[1];
  }
  const table = new Uint32Array(256 * 16);
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let step = 0;
      for (let bit = 3; bit >= 0 && step < FAILS; bit--) {
        const next = (children[node] as [number, number])[(nibble >>> bit) & 1] as number;
        if (next === -1 - EOS) step = FAILS;
        else if (next < 0) {
          step = EMITS | ((-1 - next) << 8);
          node = 0;
        } else node = next;
      }
      table[(state << 4) | nibble] = step | node;
    }
  }
  return table;
}
