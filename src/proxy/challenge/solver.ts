/**
 * The work of a challenge: the number whose SHA-256, behind the challenge's text, begins with enough zero
 * bits. This very function runs in the client's browser (`challenge-page.ts` sends its source), so it rests
 * on nothing outside itself.
 *
 * A hash of its own and not WebCrypto's: that exists only behind TLS, and it answers by a promise for each
 * 100 bytes, which makes it many times slower. The slower a browser is beside an attacker's native code,
 * the less a challenge is worth at the same wait.
 *
 * The text is 104 characters, so its first 64 bytes are hashed once, and a try costs one block.
 */

/** The first number from `first` on that solves it, or -1 when none of `count` numbers does. */
export function findSolution(text: string, bits: number, first: number, count: number): number {
  const roots: number[] = [];
  const state = new Int32Array(8);
  for (let prime = 2; roots.length < 64; prime++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= prime; divisor++)
      if (prime % divisor === 0) isPrime = false;
    if (!isPrime) continue;
    // FIPS 180-4 sections 4.2.2 and 5.3.3: the fractions of cube and square roots of the first primes.
    if (roots.length < 8) state[roots.length] = (prime ** 0.5 % 1) * 4294967296;
    roots.push(((prime ** (1 / 3) % 1) * 4294967296) | 0);
  }
  const constants = Int32Array.from(roots);
  const words = new Int32Array(64);
  const block = new Uint8Array(64);

  const compress = (from: Int32Array, to: Int32Array): void => {
    for (let i = 0; i < 16; i++) {
      const at = i * 4;
      words[i] =
        ((block[at] as number) << 24) |
        ((block[at + 1] as number) << 16) |
        ((block[at + 2] as number) << 8) |
        (block[at + 3] as number);
    }
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15] as number;
      const y = words[i - 2] as number;
      const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const large = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[i] = ((words[i - 16] as number) + small + (words[i - 7] as number) + large) | 0;
    }
    let a = from[0] as number;
    let b = from[1] as number;
    let c = from[2] as number;
    let d = from[3] as number;
    let e = from[4] as number;
    let f = from[5] as number;
    let g = from[6] as number;
    let h = from[7] as number;
    for (let i = 0; i < 64; i++) {
      const one = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const chosen =
        (h + one + ((e & f) ^ (~e & g)) + (constants[i] as number) + (words[i] as number)) | 0;
      const zero = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const majority = (zero + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + chosen) | 0;
      d = c;
      c = b;
      b = a;
      a = (chosen + majority) | 0;
    }
    to[0] = (from[0] as number) + a;
    to[1] = (from[1] as number) + b;
    to[2] = (from[2] as number) + c;
    to[3] = (from[3] as number) + d;
    to[4] = (from[4] as number) + e;
    to[5] = (from[5] as number) + f;
    to[6] = (from[6] as number) + g;
    to[7] = (from[7] as number) + h;
  };

  for (let i = 0; i < 64; i++) block[i] = text.charCodeAt(i);
  compress(state, state);
  const rest = `${text.slice(64)}.`;
  const digest = new Int32Array(8);
  for (let tried = first; tried < first + count; tried++) {
    const tail = rest + tried;
    block.fill(0);
    for (let i = 0; i < tail.length; i++) block[i] = tail.charCodeAt(i);
    block[tail.length] = 0x80;
    const lengthBits = (64 + tail.length) * 8;
    block[62] = lengthBits >>> 8;
    block[63] = lengthBits & 255;
    compress(state, digest);
    if (Math.clz32(digest[0] as number) >= bits) return tried;
  }
  return -1;
}
