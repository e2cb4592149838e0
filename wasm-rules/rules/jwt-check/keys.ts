/**
 * Which key verifies a token: of the algorithm the token says and the configuration allows, of the kind that
 * algorithm needs, and named by the token's `kid`; without a `kid`, the only one that can be.
 *
 * The kind of the key is looked at before its use, so that a public RSA key is never taken for the secret of
 * an HMAC, and the `alg` and `use` of a key count where it has them (RFC 7517, 4; RFC 8725, 3.1).
 */
import { Json, JsonToken } from '../../sdk/json';
import { equalsBytes } from '../../sdk/matcher';
import { signatureValid, verifySignature } from '../../sdk/host';
import { signatureAt, signatureLength, signedAt, signedLength, textAt, textOf } from './token';

const keysMax: i32 = 64;
/** As the host bounds them in one call, with one left. */
const attemptsMax: i32 = 7;

export const enum Found {
  /** No key of that name and kind. */
  None,
  Wrong,
  Valid,
}

/** Goes through a key set (`{"keys":[…]}`). `kidLength` -1: the token names no key. */
export function verifyWithSet(
  setAt: usize,
  setLength: i32,
  algorithm: string,
  kidAt: usize,
  kidLength: i32,
): Found {
  const json = new Json(setAt, setLength);
  if (!enterKeys(json)) return Found.None;
  let found = Found.None;
  let attempts = 0;
  for (let count = 0; count < keysMax && json.next() == JsonToken.ObjectBegin; count++) {
    const at = json.at;
    if (!json.skip()) return found;
    const length = <i32>(json.at + 1 - at);
    if (!isFor(at, length, algorithm)) continue;
    if (kidLength >= 0) {
      const own = textOf(at, length, 'kid');
      if (own < 0 || !equalsBytes(textAt, own, kidAt, kidLength)) continue;
    }
    if (attempts++ == attemptsMax) return found;
    const result = verifySignature(algorithm, at, length, signedAt, signedLength, signatureAt, signatureLength);
    if (result == signatureValid) return Found.Valid;
    found = Found.Wrong;
  }
  return found;
}

/** To the first item of `keys`; false when there is no such list. */
function enterKeys(json: Json): bool {
  if (json.next() != JsonToken.ObjectBegin) return false;
  while (json.next() == JsonToken.Key) {
    if (json.is('keys')) return json.next() == JsonToken.ArrayBegin;
    if (!json.skip()) return false;
  }
  return false;
}

/** How many keys a set has; -1 when it is none. */
export function countKeys(setAt: usize, setLength: i32): i32 {
  const json = new Json(setAt, setLength);
  if (!enterKeys(json)) return -1;
  let count = 0;
  while (json.next() == JsonToken.ObjectBegin) {
    count++;
    if (!json.skip()) return -1;
  }
  return json.token == JsonToken.ArrayEnd ? count : -1;
}

function isFor(at: usize, length: i32, algorithm: string): bool {
  if (!has(at, length, 'kty', kindFor(algorithm), true)) return false;
  if (!has(at, length, 'alg', algorithm, false) || !has(at, length, 'use', 'sig', false)) return false;
  const curve = curveFor(algorithm);
  return curve.length == 0 || has(at, length, 'crv', curve, true);
}

/** True when the member is `wanted`, or is not there and need not be. */
function has(at: usize, length: i32, name: string, wanted: string, isNeeded: bool): bool {
  const found = textOf(at, length, name);
  if (found < 0) return !isNeeded;
  if (found != wanted.length) return false;
  for (let i = 0; i < found; i++) if (load<u8>(textAt + i) != <u8>wanted.charCodeAt(i)) return false;
  return true;
}

function kindFor(algorithm: string): string {
  if (algorithm.startsWith('HS')) return 'oct';
  if (algorithm.startsWith('ES')) return 'EC';
  return algorithm == 'EdDSA' ? 'OKP' : 'RSA';
}

function curveFor(algorithm: string): string {
  if (algorithm == 'ES256') return 'P-256';
  if (algorithm == 'ES384') return 'P-384';
  if (algorithm == 'ES512') return 'P-521';
  return algorithm == 'EdDSA' ? 'Ed25519' : '';
}
