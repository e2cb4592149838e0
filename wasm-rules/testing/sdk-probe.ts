/** Opens the SDK's functions to the unit tests in `test/wasm/sdk.test.ts`. */
import { arenaCreate, arenaMark, arenaRelease, arenaReset, arenaTake } from '../sdk/arena';
import { equalsIgnoreCase, startsWithIgnoreCase } from '../sdk/bytes';
import { decodeBegin, decodedAt, decodedLength, decodeNext } from '../sdk/decode';
import { NameSet } from '../sdk/name-set';
import { containsAny, containsByteOrHigh, findByte, findTwice } from '../sdk/scan';
import { TokenSet } from '../sdk/token-set';

export {
  arenaMark,
  arenaRelease,
  arenaReset,
  arenaTake,
  containsAny,
  containsByteOrHigh,
  decodeNext,
  findByte,
  findTwice,
};

/** As `nameList` in the test. */
const names = new NameSet([
  'x',
  'te',
  'dnt',
  'via',
  'host',
  'accept',
  'referer',
  'if-match',
  'cache-control',
  'accept-encoding',
  'accept-language',
  'x-forwarded-host',
  'if-modified-since',
  'transfer-encoding',
  'proxy-authorization',
  'a-field-name-of-thirty-two-bytes',
]);

const tokens = new TokenSet([
  '.git/config',
  'abcd',
  'abce',
  'abcz-long',
  'etc/passwd',
  'zmap',
  'zmeu',
]);

/** A place for the test's bytes, and an arena for two of its size. */
export function prepare(bytes: i32): usize {
  arenaCreate(<usize>bytes * 2 + 64);
  return heap.alloc(bytes);
}

export function decodeStart(at: usize, length: i32): void {
  arenaReset();
  decodeBegin(at, length);
}

export function layerAt(): usize {
  return decodedAt;
}

export function layerLength(): i32 {
  return decodedLength;
}

/** Where the first token lies, counted from `at`, or -1. */
export function findToken(at: usize, length: i32): i32 {
  const found = tokens.find(at, length, always);
  return found == 0 ? -1 : <i32>(found - at);
}

export function foundToken(): i32 {
  return tokens.token;
}

export function foundEnd(at: usize): i32 {
  return <i32>(tokens.matchEnd - at);
}

export function isHost(at: usize, length: i32): bool {
  return equalsIgnoreCase(at, length, 'host');
}

export function isUserAgent(at: usize, length: i32): bool {
  return equalsIgnoreCase(at, length, 'user-agent');
}

export function nameIndex(at: usize, length: i32): i32 {
  return names.indexOf(at, length);
}

export function beginsWithSec(at: usize, length: i32): bool {
  return startsWithIgnoreCase(at, length, 'sec-');
}

function always(_start: usize, _end: usize, _token: i32): bool {
  return true;
}
