/**
 * `detectSsrf` — whether a value is an address that a server should not be made to fetch: a scheme that talks to more
 * than web servers, a host inside (`address.ts`), a place where a cloud keeps its secrets.
 *
 * A value is an address where it begins with one; what stands in the middle of a text is a link that somebody shares,
 * unless it is one that nobody shares (metadata, `gopher:`). What resolvers disagree on counts in every reading: each
 * piece between `@`, `\`, `#` and the first slash is taken for the host.
 */
import { Place, placeOf } from './address';

const hostBytesMax: i32 = 255;
const host: usize = memory.data(256 + 16, 16);
let hostLength: i32 = 0;

export function detectSsrf(at: usize, length: i32): bool {
  const end = at + length;
  let start = at;
  while (start < end && (load<u8>(start) <= 0x20 || isQuote(load<u8>(start)))) start++;
  if (isHostile(start, end, !holdsBlank(start, end))) return true;
  let before: u32 = 0x20;
  for (let i = start + 1; i < end; i++) {
    before = load<u8>(i - 1);
    // Only where an address may begin: each byte is looked at once as the start of a scheme.
    if (before != 0x3d && before != 0x28 && before != 0x2c && before > 0x20 && !isQuote(before)) continue;
    if (isHostile(i, end, false)) return true;
  }
  return false;
}

@inline
function isQuote(byte: u32): bool {
  return byte == 0x22 || byte == 0x27 || byte == 0x60 || byte == 0x3c;
}

/** Behind the first word there is more: a text. */
function holdsBlank(at: usize, end: usize): bool {
  while (end > at && load<u8>(end - 1) <= 0x20) end--;
  for (; at < end; at++) if (load<u8>(at) == 0x20 || load<u8>(at) == 0x0a) return true;
  return false;
}

const schemeBytesMax: i32 = 24;
const scheme: usize = memory.data(32, 16);

/** `isWhole`: the value is nothing but an address. */
function isHostile(at: usize, end: usize, isWhole: bool): bool {
  for (let wrapped = 0; wrapped < 3; wrapped++) {
    const inner = innerOf(at, end);
    if (inner == 0) break;
    at = inner;
  }
  let length = 0;
  let next = at;
  while (next < end && length < schemeBytesMax && isSchemeByte(load<u8>(next)))
    store<u8>(scheme + length++, <u32>load<u8>(next++) | (load<u8>(next - 1) - 0x41 < 26 ? 0x20 : 0));
  const hasScheme = length > 0 && next < end && load<u8>(next) == 0x3a;
  if (!hasScheme) {
    // `//host`: a comment of one word is no host.
    if (next == at && slashes(at, end) == 2)
      return isHostileHost(at + 2, end, isWhole ? Place.inside : Place.metadata) && hostLength >= 7;
    // A bare host: only where secrets are, and with something to fetch.
    return isWhole && length > 0 && load<u8>(at) == 0x31 && holdsSlash(next, end) && isHostileHost(at, end, Place.metadata);
  }
  next++;
  const bars = slashes(next, end);
  // `http:127.0.0.1`, which libraries take too.
  if (bars == 0 && isWhole && is(length, 'http')) return isHostileHost(next, end, Place.inside);
  if (bars == 0) return (is(length, 'jar') || is(length, 'netdoc')) && isRemote(next, end);
  if (is(length, 'gopher') || is(length, 'dict') || is(length, 'phar') || is(length, 'netdoc')) return bars >= 2;
  if (is(length, 'expect') || is(length, 'jar') || is(length, 'zip')) return bars >= 2;
  if (is(length, 'file')) return isWhole;
  if (is(length, 'ldap') || is(length, 'ldaps') || is(length, 'ldapi') || is(length, 'tftp') || is(length, 'rmi'))
    return isWhole && bars >= 2;
  if (is(length, 'http') || is(length, 'https') || is(length, 'ftp') || is(length, 'ws') || is(length, 'wss') || is(length, 'sftp'))
    return isHostileHost(next + bars, end, isWhole ? Place.inside : Place.metadata);
  return false;
}

/** Behind `url:` or `feed:`, which stand in front of another address; 0 where neither does. */
function innerOf(at: usize, end: usize): usize {
  if (at + 5 > end) return 0;
  const word = load<u32>(at) | 0x0020_2020;
  if (word == 0x3a6c_7275) return at + 4;
  return (word | 0x2000_0000) == 0x6465_6566 && load<u8>(at, 4) == 0x3a ? at + 5 : 0;
}

@inline
function isSchemeByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x2e || byte == 0x2d;
}

function slashes(at: usize, end: usize): i32 {
  const first = at;
  while (at < end && (load<u8>(at) == 0x2f || load<u8>(at) == 0x5c) && at - first < 8) at++;
  return <i32>(at - first);
}

function holdsSlash(at: usize, end: usize): bool {
  return at < end && load<u8>(at) == 0x2f && at + 1 < end;
}

/** `jar:http://…`, `netdoc:/…` */
function isRemote(at: usize, end: usize): bool {
  const last = min<usize>(end, at + 12);
  for (; at + 1 < last; at++) if (load<u8>(at) == 0x3a && load<u8>(at, 1) == 0x2f) return true;
  return false;
}

/** Whether any reading of the authority at `at` leads to a place at least as bad as `least`. */
function isHostileHost(at: usize, end: usize, least: i32): bool {
  const last = min<usize>(end, at + 1024);
  hostLength = 0;
  let inBrackets = false;
  for (; at < last; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x5b) inBrackets = true;
    if (byte == 0x2f || byte == 0x3f || byte == 0x3d || byte == 0x7d || byte <= 0x20 || isQuote(byte)) break;
    if (byte == 0x28 || byte == 0x29 || byte == 0x2c) break;
    if (byte == 0x40 || byte == 0x5c || byte == 0x23 || byte == 0x26) {
      if (isBad(least)) return true;
      hostLength = 0;
      continue;
    }
    if (byte == 0x5d) inBrackets = false;
    if (byte == 0x3a && !inBrackets) {
      // The port; what follows it up to the next separator is none of the host.
      if (isBad(least)) return true;
      hostLength = hostBytesMax + 1;
      continue;
    }
    at += put(at, last) - 1;
  }
  return isBad(least);
}

function isBad(least: i32): bool {
  return hostLength > 0 && hostLength <= hostBytesMax && placeOf(host, hostLength) >= least;
}

/** One character of the host, as it is looked up: lower case, circled ones as what is in the circle. How many bytes it has. */
function put(at: usize, end: usize): usize {
  let byte: u32 = load<u8>(at);
  let bytes: usize = 1;
  if (byte >= 0xe2 && byte < 0xf0 && at + 2 < end) {
    const code = ((byte & 15) << 12) | ((<u32>load<u8>(at, 1) & 0x3f) << 6) | (<u32>load<u8>(at, 2) & 0x3f);
    bytes = 3;
    if (code >= 0x2460 && code <= 0x2468) byte = code - 0x2460 + 0x31;
    else if (code >= 0x2469 && code <= 0x2473) {
      add(0x31 + <u32>(code == 0x2473));
      byte = (code - 0x2469) % 10 + 0x30;
    } else if (code == 0x24ea) byte = 0x30;
    else if (code >= 0x24d0 && code <= 0x24e9) byte = code - 0x24d0 + 0x61;
    else if (code >= 0x24b6 && code <= 0x24cf) byte = code - 0x24b6 + 0x61;
    else if (code == 0x3002 || code == 0xff0e || code == 0xff61) byte = 0x2e;
    else byte = 0xff;
  } else if (byte - 0x41 < 26) byte |= 0x20;
  add(byte);
  return bytes;
}

function add(byte: u32): void {
  if (hostLength < hostBytesMax) store<u8>(host + hostLength, byte);
  // Beyond the bound it is no host.
  if (hostLength <= hostBytesMax) hostLength++;
}

function is(length: i32, word: string): bool {
  if (length != word.length) return false;
  for (let i = 0; i < length; i++) if (load<u8>(scheme + i) != word.charCodeAt(i)) return false;
  return true;
}
