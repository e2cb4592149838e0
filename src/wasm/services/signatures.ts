/**
 * Verifies signatures by JSON Web Algorithms (RFC 7518, 8037), keys as JSON Web Keys.
 *
 * The algorithm is what the module expects, and a key of another kind cannot take part: a public RSA key
 * is never a secret of HMAC, an `alg` or `use` in the key that says otherwise counts. Sizes of keys are
 * bounded at both ends, for safety and for time. Keys are parsed once and kept.
 */
import {
  constants,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto';

const keysKept = 256;
const rsaBitsMin = 2_048;
const rsaBitsMax = 4_096;
const secretBytesMax = 1_024;

type Kind = 'HS' | 'RS' | 'PS' | 'ES' | 'EdDSA';
type Algorithm = { readonly kind: Kind; readonly hash: string; readonly bytes: number };

const algorithm = (kind: Kind, bits: number): Algorithm => ({
  kind,
  hash: `sha${bits}`,
  bytes: bits / 8,
});

const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ...(['HS', 'RS', 'PS', 'ES'] as const).flatMap((kind) =>
    [256, 384, 512].map((bits) => [`${kind}${bits}`, algorithm(kind, bits)] as const),
  ),
  ['EdDSA', algorithm('EdDSA', 0)] as const,
]);

/** RFC 7518, 3.4: each hash with its own curve. */
const curves: Readonly<Record<string, string>> = {
  sha256: 'prime256v1',
  sha384: 'secp384r1',
  sha512: 'secp521r1',
};

type Key = KeyObject | Buffer;

export class Signatures {
  readonly #keys = new Map<string, Key | null>();

  /** Null where the algorithm is unknown, or the key is none for it. */
  verify(name: string, jwk: string, data: Uint8Array, signature: Uint8Array): boolean | null {
    const wanted = algorithms.get(name);
    if (wanted === undefined) return null;
    const key = this.#keyOf(name, wanted, jwk);
    if (key === null) return null;
    try {
      return verifyWith(key, wanted, data, signature);
    } catch {
      // OpenSSL throws for some shapes of signature that cannot be one.
      return false;
    }
  }

  #keyOf(name: string, wanted: Algorithm, jwk: string): Key | null {
    const id = `${name} ${jwk}`;
    const kept = this.#keys.get(id);
    if (kept !== undefined) return kept;
    const key = parseKey(name, wanted, jwk);
    if (this.#keys.size >= keysKept) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.set(id, key);
    return key;
  }
}

function verifyWith(
  key: Key,
  { kind, hash, bytes }: Algorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (Buffer.isBuffer(key)) {
    if (signature.length !== bytes) return false;
    return timingSafeEqual(createHmac(hash, key).update(data).digest(), signature);
  }
  // RFC 8017, 8.1.2 and 8.2.2, step 1. OpenSSL takes a PSS signature without its leading zero bytes too.
  if ((kind === 'RS' || kind === 'PS') && signature.length !== modulusBytes(key)) return false;
  switch (kind) {
    case 'EdDSA':
      return verify(null, data, key, signature);
    case 'ES':
      return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'PS':
      return verify(
        hash,
        data,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bytes },
        signature,
      );
    default:
      return verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
  }
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

function parseKey(name: string, wanted: Algorithm, text: string): Key | null {
  try {
    const jwk: unknown = JSON.parse(text);
    if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return null;
    const field = (of: string): unknown => (jwk as Readonly<Record<string, unknown>>)[of];
    if (field('alg') !== undefined && field('alg') !== name) return null;
    if (field('use') !== undefined && field('use') !== 'sig') return null;
    const operations = field('key_ops');
    if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
      return null;
    return wanted.kind === 'HS'
      ? secretOf(field('kty'), field('k'), wanted)
      : publicKeyOf(jwk, wanted);
  } catch {
    // No JSON, or no key: what the text is made of is the module's affair, and it learns that it is no use.
    return null;
  }
}

/** RFC 7518, 3.2: a secret shorter than the hash is refused. */
function secretOf(kty: unknown, k: unknown, { bytes }: Algorithm): Buffer | null {
  if (kty !== 'oct' || typeof k !== 'string') return null;
  const secret = Buffer.from(k, 'base64url');
  return secret.length >= bytes && secret.length <= secretBytesMax ? secret : null;
}

function publicKeyOf(jwk: object, { kind, hash }: Algorithm): KeyObject | null {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  const details = key.asymmetricKeyDetails ?? {};
  switch (kind) {
    case 'EdDSA':
      return key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ed448' ? key : null;
    case 'ES':
      return details.namedCurve === curves[hash] ? key : null;
    default: {
      const bits = details.modulusLength ?? 0;
      return key.asymmetricKeyType === 'rsa' && bits >= rsaBitsMin && bits <= rsaBitsMax
        ? key
        : null;
    }
  }
}
