/**
 * What ACME signs with: account keys, their JWK thumbprint (RFC 7638) and JSON Web Signatures in the
 * flattened form RFC 8555 section 6.2 asks for.
 *
 * The URL and a nonce stand inside the protected header, so that a signed request can neither be sent
 * elsewhere nor sent twice.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { assert } from '#core/assert.ts';

export type AccountKeyAlgorithm = 'ES256' | 'EdDSA';

export type Jwk = Readonly<Record<string, string>>;

export type AccountKey = {
  readonly algorithm: AccountKeyAlgorithm;
  readonly privateKey: KeyObject;
  readonly jwk: Jwk;
  readonly thumbprint: string;
};

export type Jws = {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
};

/** Who signs: the account once the server knows it, the bare key before. */
export type JwsSigner = { readonly key: AccountKey; readonly accountUrl: string | null };

export function makeAccountKey(algorithm: AccountKeyAlgorithm): AccountKey {
  const { privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  return accountKey(privateKey);
}

/** Throws when the text holds no key an account can have. */
export function readAccountKey(pem: string): AccountKey {
  return accountKey(createPrivateKey(pem));
}

export function writeAccountKey(key: AccountKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function accountKey(privateKey: KeyObject): AccountKey {
  const exported = createPublicKey(privateKey).export({ format: 'jwk' });
  const { kty, crv } = exported;
  if (!((kty === 'EC' && crv === 'P-256') || (kty === 'OKP' && crv === 'Ed25519')))
    throw new TypeError(`an account key is P-256 or Ed25519, not ${kty} ${crv ?? ''}`);
  const jwk = requiredMembers(exported as Record<string, string>);
  return {
    algorithm: kty === 'EC' ? 'ES256' : 'EdDSA',
    privateKey,
    jwk,
    thumbprint: jwkThumbprint(jwk),
  };
}

/** In the order RFC 7638 section 3.2 hashes them. */
const membersOf: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
};

export function jwkThumbprint(jwk: Jwk): string {
  return createHash('sha256')
    .update(JSON.stringify(requiredMembers(jwk)))
    .digest('base64url');
}

function requiredMembers(jwk: Jwk): Jwk {
  const members = membersOf[jwk['kty'] ?? ''];
  assert(members !== undefined, `a key of type ${jwk['kty']} has a thumbprint`);
  return Object.fromEntries(members.map((member) => [member, jwk[member] ?? '']));
}

/** `payload` null is the empty one of POST-as-GET (RFC 8555 section 6.3), which is not `{}`. */
export function signJws(
  signer: JwsSigner,
  url: string,
  nonce: string | null,
  payload: unknown,
): Jws {
  const { key, accountUrl } = signer;
  const header = {
    alg: key.algorithm,
    ...(accountUrl === null ? { jwk: key.jwk } : { kid: accountUrl }),
    ...(nonce === null ? {} : { nonce }),
    url,
  };
  const parts = encodeParts(header, payload);
  const signature = sign(
    key.algorithm === 'ES256' ? 'sha256' : null,
    Buffer.from(`${parts.protected}.${parts.payload}`),
    // A JWS has the two numbers side by side; DER is OpenSSL's habit.
    { key: key.privateKey, dsaEncoding: 'ieee-p1363' },
  );
  return { ...parts, signature: signature.toString('base64url') };
}

/** External account binding (RFC 8555 section 7.3.4): the CA's key signs our public key. */
export function signExternalBinding(
  external: { readonly keyId: string; readonly hmacKey: Buffer },
  url: string,
  jwk: Jwk,
): Jws {
  const parts = encodeParts({ alg: 'HS256', kid: external.keyId, url }, jwk);
  const signature = createHmac('sha256', external.hmacKey)
    .update(`${parts.protected}.${parts.payload}`)
    .digest('base64url');
  return { ...parts, signature };
}

function encodeParts(header: object, payload: unknown): Pick<Jws, 'protected' | 'payload'> {
  return {
    protected: base64url(JSON.stringify(header)),
    payload: payload === null ? '' : base64url(JSON.stringify(payload)),
  };
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
