/**
 * Who issues tokens in the demo: a key made when the shop starts, which lives as long as the shop does, its
 * public half as a key set (RFC 7517), and one token for whoever started the demo.
 */
import { generateKeyPairSync, sign } from 'node:crypto';

export const issuerName = 'demo-shop';
export const keySetPath = '/.well-known/jwks.json';
const keyId = 'demo';
const tokenSeconds = 12 * 3_600;

export type Issuer = { readonly keySet: object; readonly token: string };

export function makeIssuer(nowMs: number): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'ES256', use: 'sig' };
  const iat = Math.floor(nowMs / 1_000);
  const claims = { iss: issuerName, sub: 'ann', iat, exp: iat + tokenSeconds };
  const signed = `${part({ alg: 'ES256', typ: 'JWT', kid: keyId })}.${part(claims)}`;
  // RFC 7518 section 3.4: the two numbers side by side, not DER.
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.from(signed), key).toString('base64url');
  return { keySet: { keys: [jwk] }, token: `${signed}.${signature}` };
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
