/**
 * Public keys of `waf.signatures.keys`, as written in the configuration: 32 bytes in base64, or the name of
 * a PEM file. Nothing that is base64 of that length is a file name people use.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** 32 bytes in base64. */
export const rawKeyPattern = /^[A-Za-z0-9+/]{43}=$/;

/** Throws an Error with one sentence. */
export async function readPublicKey(text: string): Promise<KeyObject> {
  if (rawKeyPattern.test(text)) {
    const x = Buffer.from(text, 'base64').toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  }
  const pem = await readFile(text, 'utf8');
  if (pem.includes('PRIVATE KEY'))
    throw new Error(`${text} holds a private key, which belongs to whoever signs and nowhere else`);
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`${text} holds a key of type ${key.asymmetricKeyType}, not Ed25519`);
  return key;
}
