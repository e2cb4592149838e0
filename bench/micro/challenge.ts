/**
 * How many numbers a second can a client try for a challenge, by the page's own hash, by WebCrypto as a page
 * would have to call it, and by native code as an attacker has it? And what does a challenge cost the edge?
 *
 *     node bench/micro/challenge.ts
 *
 * The page's hash must find the number that the others find. Node's engine is Chromium's.
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import { newNonce, TokenSigner } from '../../src/proxy/challenge/challenge-token.ts';
import { findSolution } from '../../src/proxy/challenge/solver.ts';

const text = randomBytes(78).toString('base64url');
const bits = 12;

const zeroBits = (digest: Buffer): number => Math.clz32(digest.readUInt32BE(0));
let expected = 0;
while (zeroBits(createHash('sha256').update(`${text}.${expected}`).digest()) < bits) expected++;
if (findSolution(text, bits, 0, 1_000_000) !== expected)
  throw new Error('another number was found');

const rounds = 7;
const impossible = 33;

async function fastest(count: number, work: () => void | Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = performance.now();
    await work();
    best = Math.min(best, performance.now() - before);
  }
  return count / best;
}

const own = await fastest(400_000, () => {
  findSolution(text, impossible, 0, 400_000);
});
const encoder = new TextEncoder();
const webCrypto = await fastest(20_000, async () => {
  for (let first = 0; first < 20_000; first += 500) {
    const batch = Array.from({ length: 500 }, (_, index) =>
      crypto.subtle.digest('SHA-256', encoder.encode(`${text}.${first + index}`)),
    );
    await Promise.all(batch);
  }
});
const native = await fastest(200_000, () => {
  for (let number = 0; number < 200_000; number++) hash('sha256', `${text}.${number}`, 'buffer');
});

const signer = new TokenSigner([randomBytes(32), randomBytes(32)]);
const holder = { address: '192.0.2.1', host: 'shop.example' };
const now = Date.now();
const token = { difficultyBits: 20, expiresAtMs: now + 60_000, nonce: newNonce() };
const pass = signer.sign('pass', holder, token);
const signed = await fastest(20_000, () => {
  for (let i = 0; i < 20_000; i++) signer.sign('pass', holder, token);
});
const verified = await fastest(20_000, () => {
  for (let i = 0; i < 20_000; i++)
    if (typeof signer.verify('pass', pass, holder, now) === 'string') throw new Error('refused');
});

const thousands = (perMs: number): string => `${Math.round(perMs)} thousand a second`;
const seconds = (perMs: number): string => `${(2 ** 20 / perMs / 1_000).toFixed(2)} s`;
process.stdout.write(`numbers tried, one core, fastest of ${rounds} rounds (mean time for 20 bits)
  the page's own hash   ${thousands(own)}   ${seconds(own)}
  WebCrypto in batches  ${thousands(webCrypto)}   ${seconds(webCrypto)}
  crypto.hash           ${thousands(native)}   ${seconds(native)}
the edge: ${(1_000 / signed).toFixed(1)} µs to sign, ${(1_000 / verified).toFixed(1)} µs to verify
`);
