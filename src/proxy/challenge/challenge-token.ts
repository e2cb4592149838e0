/**
 * What the edge signs for a client: the challenge it has to solve, and the pass it gets for that. Both are
 * whole in themselves, so every worker can check what another one gave, and nothing is kept of either.
 *
 * ```
 * byte 0        1              2     3         4        11        15           31        46       78
 *      version  challenge|pass bits  4|6 ────  block    expires   host digest  nonce     HMAC-SHA256
 * ```
 *
 * 78 bytes are 104 characters of base64url without a bit to spare, so one token has one spelling. Signed
 * are all bytes before the HMAC. The block is what one customer of a network has (IPv4 /24, IPv6 /56):
 * within it addresses change, and a challenge that is solved elsewhere is worth nothing.
 */
import {
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomFillSync,
  timingSafeEqual,
} from 'node:crypto';
import { readIp } from '#core/ip.ts';

export type TokenKind = 'challenge' | 'pass';

/** Who a token is for. */
export type TokenHolder = {
  readonly address: string;
  /** As the request names it, with the port. */
  readonly host: string;
};

/** Why a token does not count, in the order it is looked at. */
export const tokenFaults = ['malformed', 'signature', 'expired', 'address', 'host'] as const;
export type TokenFault = (typeof tokenFaults)[number];

export type Token = {
  readonly difficultyBits: number;
  readonly expiresAtMs: number;
  /** As the challenge has it, and the pass that came of it. */
  readonly nonce: Buffer;
};

export const tokenCharacters = 104;
export const keyBytes = 32;

const version = 1;
const kinds = { challenge: 1, pass: 2 } as const satisfies Record<TokenKind, number>;
const nonceBytes = 15;
const at = { kind: 1, bits: 2, family: 3, block: 4, expires: 11, host: 15, nonce: 31, mac: 46 };
const pattern = /^[A-Za-z0-9_-]{104}$/;

export const newNonce = (): Buffer => randomFillSync(Buffer.allocUnsafe(nonceBytes));

export class TokenSigner {
  readonly #keys: readonly KeyObject[];

  /** The first signs; the others are still believed. */
  constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys.map((key) => createSecretKey(key));
  }

  sign(kind: TokenKind, holder: TokenHolder, token: Token): string {
    const bytes = Buffer.alloc(at.mac);
    bytes[0] = version;
    bytes[at.kind] = kinds[kind];
    bytes[at.bits] = token.difficultyBits;
    writeBlock(holder.address, bytes);
    bytes.writeUInt32BE(Math.floor(token.expiresAtMs / 1_000), at.expires);
    hostDigest(holder.host).copy(bytes, at.host);
    token.nonce.copy(bytes, at.nonce);
    return Buffer.concat([bytes, this.#mac(this.#keys[0] as KeyObject, bytes)]).toString(
      'base64url',
    );
  }

  /** The token, when the edge has made it for this holder and its time is not over. */
  verify(kind: TokenKind, text: string, holder: TokenHolder, nowMs: number): Token | TokenFault {
    if (!pattern.test(text)) return 'malformed';
    const bytes = Buffer.from(text, 'base64url');
    if (bytes[0] !== version || bytes[at.kind] !== kinds[kind]) return 'malformed';
    const signed = bytes.subarray(0, at.mac);
    const mac = bytes.subarray(at.mac);
    if (!this.#keys.some((key) => timingSafeEqual(this.#mac(key, signed), mac))) return 'signature';
    const expiresAtMs = bytes.readUInt32BE(at.expires) * 1_000;
    if (expiresAtMs <= nowMs) return 'expired';
    const expected = Buffer.alloc(at.mac);
    writeBlock(holder.address, expected);
    if (expected.compare(bytes, at.family, at.expires, at.family, at.expires) !== 0)
      return 'address';
    if (hostDigest(holder.host).compare(bytes, at.host, at.nonce) !== 0) return 'host';
    const nonce = bytes.subarray(at.nonce, at.mac);
    return { difficultyBits: bytes[at.bits] as number, expiresAtMs, nonce };
  }

  #mac(key: KeyObject, bytes: Uint8Array): Buffer {
    return createHmac('sha256', key).update(bytes).digest();
  }
}

const words = new Uint32Array(4);
const blockWords = Buffer.alloc(8);

/** Family, and the first 24 bits of an IPv4 address or the first 56 of an IPv6 one. */
function writeBlock(address: string, bytes: Buffer): void {
  const family = readIp(address, address.length, words);
  bytes[at.family] = family;
  blockWords.writeUInt32BE(words[0] as number, 0);
  blockWords.writeUInt32BE(words[1] as number, 4);
  blockWords.copy(bytes, at.block, 0, family === 4 ? 3 : family === 6 ? 7 : 0);
}

/** Half of it is enough: who could make two hosts meet there has done 2^64 times the work of a challenge. */
const hostDigest = (host: string): Buffer =>
  createHash('sha256').update(host.toLowerCase(), 'latin1').digest().subarray(0, 16);
