/** `sha1` (RFC 3174): the 20 bytes of the digest. For rules that compare it; it protects nothing. */
import { padded, paddedBlocks } from './hash-padding';

const schedule: usize = memory.data(320, 16);
let h0: u32 = 0;
let h1: u32 = 0;
let h2: u32 = 0;
let h3: u32 = 0;
let h4: u32 = 0;

export function sha1(from: usize, length: i32, into: usize): i32 {
  h0 = 0x67452301;
  h1 = 0xefcdab89;
  h2 = 0x98badcfe;
  h3 = 0x10325476;
  h4 = 0xc3d2e1f0;
  const whole = from + (length & ~63);
  for (let at = from; at < whole; at += 64) round(at);
  const rest = paddedBlocks(whole, length, true);
  for (let i = 0; i < rest; i += 64) round(padded + i);
  store<u32>(into, bswap<u32>(h0));
  store<u32>(into, bswap<u32>(h1), 4);
  store<u32>(into, bswap<u32>(h2), 8);
  store<u32>(into, bswap<u32>(h3), 12);
  store<u32>(into, bswap<u32>(h4), 16);
  return 20;
}

function round(at: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(at + i)));
  for (let i: usize = 64; i < 320; i += 4) {
    const word = schedule + i;
    const mixed = load<u32>(word - 12) ^ load<u32>(word - 32) ^ load<u32>(word - 56) ^ load<u32>(word - 64);
    store<u32>(word, rotl<u32>(mixed, 1));
  }
  let a = h0;
  let b = h1;
  let c = h2;
  let d = h3;
  let e = h4;
  for (let i = 0; i < 80; i++) {
    let mixed: u32;
    if (i < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
    else if (i < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
    else if (i < 60) mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else mixed = (b ^ c ^ d) + 0xca62c1d6;
    const sum = rotl<u32>(a, 5) + mixed + e + load<u32>(schedule + (i << 2));
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = sum;
  }
  h0 += a;
  h1 += b;
  h2 += c;
  h3 += d;
  h4 += e;
}
