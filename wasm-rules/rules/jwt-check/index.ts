/**
 * Lets only requests with a valid JSON Web Token (RFC 7519) through on the paths it guards, and tells the
 * upstream what the token says in header fields.
 *
 * ```
 * guarded path ─► one token ─► alg allowed ─► key (kid, kind) ─► signature ─► exp nbf iat iss aud ─► fields
 *                    └───────────── anything else: 401 with WWW-Authenticate ──────────────┘
 *                                      └ no keys yet: 503
 * ```
 *
 * The fields for the upstream are taken out of every request, guarded or not: nobody but this module says
 * who a client is.
 */
import { isFieldName } from '../../sdk/action';
import { arenaMark, arenaRelease, arenaReset, arenaTake } from '../../sdk/arena';
import { Config } from '../../sdk/config';
import { Cookies } from '../../sdk/cookie';
import { answerAt, answerLength, fetch, getValue, scopeWorker } from '../../sdk/host';
import { Json, JsonToken } from '../../sdk/json';
import { equals, startsWith } from '../../sdk/matcher';
import { startsWithIgnoreCase } from '../../sdk/bytes';
import { notAPath, Paths } from '../../sdk/paths';
import { Request } from '../../sdk/request';
import { weir_reserve as reserve } from '../../sdk/module';
import { block, removeHeader, setHeader, setHeaderBytes, verdict } from '../../sdk/verdict';
import { Demands } from './claims';
import { countKeys, Found, verifyWithSet } from './keys';
import { claimsAt, claimsLength, headerAt, headerLength, takeApart, textAt, textOf, valueOf } from './token';

export { weir_abi } from '../../sdk/module';

const knownAlgorithms: string[] =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 HS384 HS512'.split(' ');
/** The host keeps no longer value. */
const keySetBytesMax: i32 = 65536;
const claimFieldsMax: i32 = 16;
const claimBytesMax: i32 = 1024;
/** A token signed with a key nobody knows makes the set be fetched again, this often at most. */
const renewalMs: i32 = 60_000;

/** With room for a key set beside what a request needs. */
export function weir_reserve(bytes: i32): usize {
  return reserve(bytes + keySetBytesMax);
}

let paths: Paths = new Paths([]);
let except: Paths = new Paths([]);
let cookie: string = '';
let algorithms: string[] = [];
/** Keys from the configuration, or empty. */
let ownKeysAt: usize = 0;
let ownKeysLength: i32 = 0;
let keysUrl: string = '';
let keysTtlMs: i32 = 0;
let challenge: string = '';
const demands = new Demands();
const claimNames: string[] = [];
const claimFields: string[] = [];

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  paths = readPaths(config, 'paths');
  if (paths.isEmpty) config.refuse('paths', 'is missing: nothing would be guarded');
  except = readPaths(config, 'except');
  readTokenPlace(config);
  readAlgorithms(config);
  readKeys(config);
  demands.issuer = config.string('issuer', '');
  demands.audiences = config.texts('audience', 16);
  demands.leewaySeconds = config.integer('leewaySeconds', 60, 0, 600);
  demands.ageSecondsMax = config.integer('ageSecondsMax', 0, 0, 31_536_000);
  demands.required = config.texts('required', 16);
  readClaimFields(config);
  const realm = config.string('realm', 'api');
  if (realm.includes('"') || realm.includes('\\') || realm.length > 64) config.refuse('realm', 'has a quote, a backslash or more than 64 characters');
  challenge = 'Bearer realm="' + realm + '"';
  config.done();
  // Asked for at once, so that the first request finds it.
  if (keysUrl.length > 0) fetch(keysUrl, 'jwks', keysTtlMs);
  return 0;
}

function readPaths(config: Config, name: string): Paths {
  const texts = config.texts(name, 64);
  const wrong = notAPath(texts);
  if (wrong.length > 0) config.refuse(name, '"' + wrong + '" is no path: it begins with / and has no ? and %');
  return new Paths(texts);
}

function readTokenPlace(config: Config): void {
  const from = config.string('from', 'authorization');
  if (from.startsWith('cookie:') && from.length > 7) cookie = from.slice(7);
  else if (from != 'authorization') config.refuse('from', 'is neither authorization nor cookie:NAME');
}

function readAlgorithms(config: Config): void {
  algorithms = config.texts('algorithms', 13);
  if (algorithms.length == 0) algorithms = ['RS256', 'ES256', 'EdDSA'];
  for (let i = 0; i < algorithms.length; i++)
    if (!knownAlgorithms.includes(algorithms[i]))
      config.refuse('algorithms', '"' + algorithms[i] + '" is none of ' + knownAlgorithms.join(', '));
}

function readKeys(config: Config): void {
  keysUrl = config.string('jwks', '');
  keysTtlMs = config.integer('jwksTtlSeconds', 3600, 60, 86_400) * 1000;
  const own = config.object('keys');
  if ((own === null) == (keysUrl.length == 0)) config.refuse('keys', 'or jwks: exactly one of them is needed');
  if (own === null) {
    if (!keysUrl.startsWith('https://') && !keysUrl.startsWith('http://')) config.refuse('jwks', 'is no URL');
    for (let i = 0; i < algorithms.length; i++)
      if (algorithms[i].startsWith('HS'))
        config.refuse('algorithms', algorithms[i] + ' needs a secret, which nobody fetches: give it as keys');
    return;
  }
  if (countKeys(own.at, own.length) < 1) config.refuse('keys', 'is no key set: {"keys":[{"kty": …}]}');
  ownKeysAt = heap.alloc(own.length);
  ownKeysLength = own.length;
  memory.copy(ownKeysAt, own.at, own.length);
}

function readClaimFields(config: Config): void {
  const claims = config.object('claims');
  if (claims === null) return;
  const names = claims.names();
  if (names.length > claimFieldsMax) config.refuse('claims', 'has more than 16 members');
  for (let i = 0; i < names.length; i++) {
    const field = claims.required(names[i]);
    if (!isFieldName(field)) claims.refuse(names[i], 'names no header: write it in lower case');
    if (claimFields.includes(field)) claims.refuse(names[i], '"' + field + '" is set by another claim as well');
    claimNames.push(names[i]);
    claimFields.push(field);
  }
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  arenaReset();
  for (let i = 0; i < claimFields.length; i++)
    if (request.find(unchecked(claimFields[i])) >= 0) removeHeader(unchecked(claimFields[i]));
  if (!paths.has(request) || (!except.isEmpty && isExcept(request))) return verdict();
  const why = findToken(request);
  if (why.length > 0) return refuse('jwt-check/no-token', why, challenge);
  return check();
}

/** Only as it came: an exception is not for a path that has to be decoded to be one, or climbs out. */
function isExcept(request: Request): bool {
  const at = request.pathAt;
  for (let i = 0; i + 1 < request.pathLength; i++) if (load<u16>(at + i) == 0x2e2e) return false;
  for (let i = 0; i < request.pathLength; i++) {
    const byte = load<u8>(at + i);
    if (byte == 0x25 || byte == 0x5c || byte == 0x3b) return false;
  }
  return except.has(request);
}

let tokenAt: usize = 0;
let tokenLength: i32 = 0;

/** Exactly one: which of two a backend reads is anyone's guess. */
function findToken(request: Request): string {
  if (cookie.length > 0) {
    const cookies = new Cookies(request);
    if (!cookies.find(cookie)) return 'there is no cookie with a token';
    tokenAt = cookies.valueAt;
    tokenLength = cookies.valueLength;
    return cookies.find(cookie) ? 'there is more than one cookie of that name' : '';
  }
  const index = request.find('authorization');
  if (index < 0) return 'there is no Authorization field';
  if (request.find('authorization', index + 1) >= 0) return 'there is more than one Authorization field';
  const header = request.header(index);
  const at = request.valueAt(header);
  if (!startsWithIgnoreCase(at, header.valueLength, 'bearer ')) return 'the Authorization field holds no Bearer token';
  let skipped = 7;
  while (skipped < header.valueLength && load<u8>(at + skipped) == 0x20) skipped++;
  tokenAt = at + skipped;
  tokenLength = header.valueLength - skipped;
  return '';
}

function check(): usize {
  const fault = takeApart(tokenAt, tokenLength);
  if (fault.length > 0) return invalid('jwt-check/malformed', fault);
  const algorithm = allowedAlgorithm();
  if (algorithm.length == 0) return invalid('jwt-check/algorithm', 'the token says an algorithm that is not allowed');
  if (valueOf(headerAt, headerLength, 'crit') !== null)
    return invalid('jwt-check/malformed', 'the token asks for an extension (crit) that nobody knows');
  const found = verify(algorithm);
  if (found < 0) return block(503, 'jwt-check/no-keys', 'the keys are not there yet', 'token', tokenAt, 0);
  if (found == Found.None) return invalid('jwt-check/key', 'no key is the one the token names');
  if (found == Found.Wrong) return invalid('jwt-check/signature', 'the signature is not right');
  const why = demands.check();
  if (why.length > 0) return invalid('jwt-check/claims', why);
  return tellUpstream();
}

/** The algorithm of the token when it is one of ours, letter by letter; else empty. */
function allowedAlgorithm(): string {
  const length = textOf(headerAt, headerLength, 'alg');
  for (let i = 0; length > 0 && i < algorithms.length; i++)
    if (equals(textAt, length, unchecked(algorithms[i]))) return unchecked(algorithms[i]);
  return '';
}

/** -1 when there are no keys. */
function verify(algorithm: string): i32 {
  const kidLength = textOf(headerAt, headerLength, 'kid');
  const kidAt = textAt;
  if (ownKeysLength > 0) return verifyWithSet(ownKeysAt, ownKeysLength, algorithm, kidAt, kidLength);
  fetch(keysUrl, 'jwks', keysTtlMs);
  const mark = arenaMark();
  if (!getKeySet('jwks')) return -1;
  const found = verifyWithSet(answerAt, answerLength, algorithm, kidAt, kidLength);
  if (found != Found.None || kidLength < 0) return found;
  // The issuer may have new keys since. They are looked up beside the old ones until those are fetched anew.
  arenaRelease(mark);
  fetch(keysUrl, 'jwks-renewed', renewalMs);
  if (!getKeySet('jwks-renewed')) return found;
  return verifyWithSet(answerAt, answerLength, algorithm, kidAt, kidLength);
}

function getKeySet(key: string): bool {
  return getValue(scopeWorker, key, keySetBytesMax);
}

function tellUpstream(): usize {
  for (let i = 0; i < claimNames.length; i++) {
    const json = valueOf(claimsAt, claimsLength, unchecked(claimNames[i]));
    if (json === null) continue;
    const field = unchecked(claimFields[i]);
    switch (json.token) {
      case JsonToken.Number:
      case JsonToken.True:
      case JsonToken.False:
        setHeaderBytes(field, json.at, json.length);
        break;
      case JsonToken.String:
        json.decode();
        if (!isFieldText(json.at, json.length))
          return invalid('jwt-check/claims', 'a claim for the upstream is no field value');
        setHeaderBytes(field, json.at, json.length);
        break;
      case JsonToken.ArrayBegin: {
        const length = joined(json);
        if (length < 0) return invalid('jwt-check/claims', 'a claim for the upstream is no list of words');
        setHeaderBytes(field, joinedAt, length);
        break;
      }
      default:
        return invalid('jwt-check/claims', 'a claim for the upstream is an object');
    }
  }
  return verdict();
}

let joinedAt: usize = 0;

/** Strings of a list with commas between, or -1. A comma inside one would make two of it. */
function joined(json: Json): i32 {
  joinedAt = arenaTake(claimBytesMax);
  let length = 0;
  while (json.next() == JsonToken.String) {
    json.decode();
    if (!isFieldText(json.at, json.length) || hasComma(json.at, json.length)) return -1;
    if (length + json.length + 1 > claimBytesMax) return -1;
    if (length > 0) store<u8>(joinedAt + length++, 0x2c);
    memory.copy(joinedAt + length, json.at, json.length);
    length += json.length;
  }
  return json.token == JsonToken.ArrayEnd ? length : -1;
}

/** Bytes that may stand in a field: no control characters (RFC 9110, 5.5), and not too many. */
function isFieldText(at: usize, length: i32): bool {
  if (length > claimBytesMax) return false;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    if (byte < 0x20 || byte == 0x7f) return false;
  }
  return true;
}

function hasComma(at: usize, length: i32): bool {
  for (let i = 0; i < length; i++) if (load<u8>(at + i) == 0x2c) return true;
  return false;
}

/** RFC 6750, 3: with what is wrong only where a token was there. */
function invalid(rule: string, why: string): usize {
  return refuse(rule, why, challenge + ', error="invalid_token"');
}

/** A token is a secret even when it is a bad one: nothing of it is shown. */
function refuse(rule: string, why: string, authenticate: string): usize {
  setHeader('www-authenticate', authenticate, true);
  return block(401, rule, why, cookie.length > 0 ? 'cookie' : 'header:authorization', tokenAt, 0);
}
