/**
 * How the protocols begin: whether bytes open the one that is wanted (yes, no, or not enough of them yet),
 * and which other one they open.
 */
import { find, startsWith } from '../../sdk/matcher';

export namespace Opening {
  export const No: i32 = 0;
  export const Yes: i32 = 1;
  export const Maybe: i32 = 2;
}

const space: u32 = 0x20;
/** Longer than any method that is registered. */
const methodBytesMax: i32 = 24;

/** A TLS record with a client hello: 16 03 00..04, its length, 01. */
export function tlsState(at: usize, end: usize): i32 {
  const length = <i32>(end - at);
  if (length > 0 && load<u8>(at) != 0x16) return Opening.No;
  if (length > 1 && load<u8>(at, 1) != 3) return Opening.No;
  if (length > 2 && load<u8>(at, 2) > 4) return Opening.No;
  if (length > 5 && load<u8>(at, 5) != 1) return Opening.No;
  return length > 5 ? Opening.Yes : Opening.Maybe;
}

/** A request line of HTTP/1 as far as its first blank and a target, or the preface of HTTP/2. */
export function httpState(at: usize, end: usize): i32 {
  // Servers take an empty line or two in front (RFC 9112 section 2.2).
  while (at < end && (load<u8>(at) == 0x0d || load<u8>(at) == 0x0a)) at++;
  const first = at;
  while (at < end && isTokenByte(load<u8>(at))) at++;
  const length = <i32>(at - first);
  if (length > methodBytesMax) return Opening.No;
  if (at == end) return Opening.Maybe;
  if (length == 0 || load<u8>(at) != space) return Opening.No;
  if (at + 1 == end) return Opening.Maybe;
  const target = load<u8>(at, 1);
  if (target == 0x2f || target == 0x2a) return isOtherText(first, end) ? Opening.No : Opening.Yes;
  // CONNECT host:port, and absolute targets.
  return isHostByte(target) && !isOtherText(first, end) ? Opening.Yes : Opening.No;
}

/** Text protocols whose lines look like HTTP's. */
function isOtherText(at: usize, end: usize): bool {
  const length = <i32>(end - at);
  if (startsWith(at, length, 't3 ') || startsWith(at, length, 'PROXY ')) return true;
  return find(at, length, ' sip:') != 0 || find(at, length, ' rtsp:') != 0;
}

function isTokenByte(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10 || byte == 0x2d || byte == 0x5f;
}

function isHostByte(byte: u32): bool {
  return isTokenByte(byte) || byte == 0x5b;
}

/** Where a PROXY header ends (0: there is none), or -1 while it is not whole. */
export function proxyEnd(at: usize, end: usize): i32 {
  const length = <i32>(end - at);
  if (isPrefix(at, length, 'PROXY ')) {
    for (let i = 0; i + 1 < length; i++)
      if (load<u16>(at + i) == 0x0a0d) return i + 2;
    return length > 107 ? 0 : -1;
  }
  if (!isPrefix(at, length, '\r\n\r\n\0\r\nQUIT\n')) return 0;
  if (length < 16) return -1;
  return 16 + (((<i32>load<u8>(at, 14)) << 8) | load<u8>(at, 15));
}

/** The bytes and the text agree as far as the shorter of them goes. */
function isPrefix(at: usize, length: i32, text: string): bool {
  return length < text.length ? startsWith(at, length, text.substring(0, length)) : startsWith(at, length, text);
}

/** Name of the protocol that the bytes open, or ''. */
export function openingOf(at: usize, end: usize, isTls: bool): string {
  const length = <i32>(end - at);
  if (startsWith(at, length, 'SSH-')) return 'ssh';
  if (length >= 8 && load<u8>(at) == 0 && load<u8>(at, 5) == 0x53 && load<u8>(at, 6) == 0x4d && load<u8>(at, 7) == 0x42)
    return 'smb';
  // TPKT version 3, and a connection request of X.224.
  if (length >= 6 && load<u16>(at) == 3 && load<u8>(at, 5) == 0xe0) return 'rdp';
  if (startsWith(at, length, '*1\r\n$') || startsWith(at, length, '*2\r\n$')) return 'redis';
  if (startsWith(at, length, 'JRMI') || startsWith(at, length, 't3 ')) return 'java';
  if (startsWith(at, length, 'CNXN')) return 'adb';
  if (find(at, length, ' sip:') != 0) return 'sip';
  if (find(at, length, ' rtsp:') != 0) return 'rtsp';
  if (length >= 3 && (load<u8>(at) == 4 || load<u8>(at) == 5) && load<u8>(at, 1) <= 3) return 'socks';
  if (!isTls && length >= 3 && load<u8>(at) == 0x16 && load<u8>(at, 1) == 3) return 'tls';
  if (isTls && httpState(at, end) == Opening.Yes) return 'http';
  return '';
}
