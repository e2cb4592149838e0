/**
 * Keys of NATS users: Ed25519, written as NATS writes them.
 *
 * ```
 * public   base32( type 1 byte | key 32 | CRC-16 2 )                    "U…"
 * seed     base32( "S" and type 2 bytes | seed 32 | CRC-16 2 )          "SU…"
 * ```
 *
 * The server is told the public half and sees a signed nonce, so that nothing of its file opens a door.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

export type UserKey = { readonly publicKey: string; readonly seed: string };

/** Prefix bytes: five bits that come out as the first letter, three of none. */
const userPrefix = 20 << 3;
const seedPrefix = 18 << 3;

export function makeUserKey(): UserKey {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const seedHead = [seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3];
  return {
    publicKey: encode([userPrefix], Buffer.from(x, 'base64url')),
    seed: encode(seedHead, Buffer.from(d, 'base64url')),
  };
}

/** Null for what is no seed of a user, or has a slip in it. */
export function publicKeyOfSeed(seed: string): string | null {
  if (!/^SU[A-Z2-7]{56}$/.test(seed)) return null;
  const bytes = fromBase32(seed);
  const body = bytes.subarray(0, 34);
  if (crc16(body) !== bytes.readUInt16LE(34)) return null;
  const der = Buffer.concat([pkcs8Head, body.subarray(2)]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return encode([userPrefix], Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

/** Of an Ed25519 key in PKCS #8, RFC 8410; its 32 bytes follow. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

function encode(prefix: readonly number[], key: Uint8Array): string {
  const body = Buffer.concat([Buffer.from(prefix), key]);
  const checksum = Buffer.alloc(2);
  checksum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, checksum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 section 6, without padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += letters[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + letters[(held << (5 - bits)) & 31];
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const letter of text) {
    held = ((held << 5) | letters.indexOf(letter)) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
  }
  return Buffer.from(bytes);
}
