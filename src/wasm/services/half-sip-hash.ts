/**
 * HalfSipHash-2-4 with 64 bits out: a keyed hash of 32-bit arithmetic, which is what JavaScript is fast at.
 *
 * Keyed, because clients choose what is hashed: without the key nobody can look for two keys that share a
 * bucket. Reference: https://github.com/veorq/SipHash (halfsiphash.c).
 */

/** Writes the low and the high word of the hash of `text`, latin1, to `into`. */
export function halfSipHash(text: string, k0: number, k1: number, into: Uint32Array): void {
  let v0 = k0;
  let v1 = k1 ^ 0xee;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  const length = text.length;
  const whole = length & ~3;
  for (let at = 0; at <= whole; at += 4) {
    let word = at === whole ? length << 24 : (text.charCodeAt(at + 3) & 255) << 24;
    const left = at === whole ? length & 3 : 3;
    if (left > 2) word |= (text.charCodeAt(at + 2) & 255) << 16;
    if (left > 1) word |= (text.charCodeAt(at + 1) & 255) << 8;
    if (left > 0) word |= text.charCodeAt(at) & 255;
    v3 ^= word;
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  for (let half = 0; half < 2; half++) {
    if (half === 0) v2 ^= 0xee;
    else v1 ^= 0xdd;
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    into[half] = v1 ^ v3;
  }
}
