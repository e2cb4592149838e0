/**
 * A JSON Web Token in the compact form (RFC 7515, 7.1), taken apart: three parts of base64url, the first two
 * JSON objects without repeated names.
 *
 * ```
 * eyJhbGciOi… . eyJzdWIiOi… . kZ3f…
 * └ header ─┘   └ claims ─┘   └ signature
 * └────── what is signed ─┘
 * ```
 */
import { arenaTake } from '../../sdk/arena';
import { decodeBase64Url } from '../../sdk/base64url';
import { Json, JsonToken } from '../../sdk/json';
import { equalsBytes } from '../../sdk/matcher';
import { findByte } from '../../sdk/scan';

export const tokenBytesMax: i32 = 8192;
const depthMax: i32 = 8;
const namesMax: i32 = 64;
const dot: u8 = 0x2e;

export let signedAt: usize = 0;
export let signedLength: i32 = 0;
export let headerAt: usize = 0;
export let headerLength: i32 = 0;
export let claimsAt: usize = 0;
export let claimsLength: i32 = 0;
export let signatureAt: usize = 0;
export let signatureLength: i32 = 0;

/** Why it cannot be taken apart; empty when it could. */
export function takeApart(at: usize, length: i32): string {
  if (length > tokenBytesMax) return 'the token is longer than 8,192 bytes';
  const end = at + length;
  const first = findByte(at, end, dot);
  const second = first < end ? findByte(first + 1, end, dot) : end;
  if (second == end || findByte(second + 1, end, dot) < end) return 'the token has not three parts';
  signedAt = at;
  signedLength = <i32>(second - at);
  headerAt = arenaTake(length);
  headerLength = decodeBase64Url(at, <i32>(first - at), headerAt);
  claimsAt = headerAt + max(headerLength, 0);
  claimsLength = decodeBase64Url(first + 1, <i32>(second - first - 1), claimsAt);
  signatureAt = claimsAt + max(claimsLength, 0);
  signatureLength = decodeBase64Url(second + 1, <i32>(end - second - 1), signatureAt);
  if (headerLength < 0 || claimsLength < 0 || signatureLength < 0) return 'a part is no base64url';
  if (!isPlainObject(headerAt, headerLength)) return 'the header is no JSON object';
  return isPlainObject(claimsAt, claimsLength) ? '' : 'the claims are no JSON object';
}

/** An object whose names differ, as two readers of a repeated one may take different ones. */
function isPlainObject(at: usize, length: i32): bool {
  const json = new Json(at, length);
  if (json.next() != JsonToken.ObjectBegin) return false;
  const names = arenaTake(namesMax * 8);
  let count = 0;
  while (json.next() == JsonToken.Key) {
    // An escape would let one name be written in two ways; no issuer writes one.
    if (json.hasEscapes || count == namesMax) return false;
    for (let i = 0; i < count; i++) {
      const name = names + ((<usize>i) << 3);
      if (equalsBytes(json.at, json.length, load<u32>(name), load<i32>(name, 4))) return false;
    }
    store<u32>(names + ((<usize>count) << 3), json.at);
    store<u32>(names + ((<usize>count) << 3), json.length, 4);
    count++;
    json.next();
    if (!skipWithin(json)) return false;
  }
  return json.token == JsonToken.ObjectEnd && json.next() == JsonToken.End;
}

function skipWithin(json: Json): bool {
  const outside = json.depth;
  if (json.token != JsonToken.ObjectBegin && json.token != JsonToken.ArrayBegin)
    return json.token > JsonToken.End;
  while (json.next() > JsonToken.End) {
    if (json.depth > depthMax) return false;
    if (json.depth < outside) return true;
  }
  return false;
}

/** A reader whose token is the value of that name, or null. */
export function valueOf(at: usize, length: i32, name: string): Json | null {
  const json = new Json(at, length);
  json.next();
  while (json.next() == JsonToken.Key) {
    if (json.is(name)) {
      json.next();
      return json;
    }
    json.skip();
  }
  return null;
}

/** The string of that name, decoded into `textAt`; its length, or -1 when there is none. */
export function textOf(at: usize, length: i32, name: string): i32 {
  const json = valueOf(at, length, name);
  if (json === null || json.token != JsonToken.String) return -1;
  json.decode();
  textAt = json.at;
  return json.length;
}

export let textAt: usize = 0;
