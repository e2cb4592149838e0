/**
 * Byte classes of HTTP/1.1 and comparisons that never decode: RFC 9110 section 5.6.2 (token), 5.5
 * (field value), RFC 9112 section 3.2 (request target).
 *
 * Names are compared as bytes with ASCII folding only: `toLowerCase()` on decoded text turns U+212A
 * into `k`, which has opened holes elsewhere.
 */

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

/** 1 for `tchar`. */
export const isTokenByte = table((byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)),
);

/** 1 for VCHAR, SP, HTAB and obs-text; control bytes and DEL are not field values. */
export const isValueByte = table((byte) => byte === HTAB || (byte >= 0x20 && byte !== 0x7f));

/**
 * 1 for bytes let through in a request target. Wider than RFC 3986, as browsers and applications send
 * `|`, `{`, `"` and raw UTF-8; blanks, control bytes and `#` (a fragment is never sent) are refused.
 */
export const isTargetByte = table((byte) => byte > 0x20 && byte !== 0x7f && byte !== 0x23);

/**
 * 1 for bytes of `uri-host [":" port]`, brackets included; the shape is checked apart. Narrower than RFC
 * 3986: no host on the Internet holds a percent escape, and a comma is how lists of hosts are smuggled.
 */
export const isAuthorityByte = table((byte) =>
  /[A-Za-z0-9.\-_~:[\]]/.test(String.fromCharCode(byte)),
);

export const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;

/** True when `bytes[start, end)` is `text`, byte for byte. */
export function equals(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}

/** True when `bytes[start, end)` is `lower`, ignoring ASCII case. `lower` holds lower-case bytes. */
export function equalsFolded(
  bytes: Uint8Array,
  start: number,
  end: number,
  lower: Uint8Array,
): boolean {
  const length = end - start;
  if (length !== lower.length) return false;
  for (let i = 0; i < length; i++) {
    let byte = bytes[start + i] as number;
    if (byte >= 65 && byte <= 90) byte |= 32;
    if (byte !== lower[i]) return false;
  }
  return true;
}

/** True when two ranges hold the same bytes, ignoring ASCII case. */
export function rangesEqualFolded(
  bytes: Uint8Array,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = start, j = otherStart; i < end; i++, j++) {
    let a = bytes[i] as number;
    let b = bytes[j] as number;
    if (a >= 65 && a <= 90) a |= 32;
    if (b >= 65 && b <= 90) b |= 32;
    if (a !== b) return false;
  }
  return true;
}

export const noBytes = Buffer.alloc(0);

/** Both in memory that is shared with nobody else: for what may stay for long. */
export function ownJoined(before: Buffer, bytes: Buffer): Buffer {
  const all = Buffer.allocUnsafeSlow(before.length + bytes.length);
  before.copy(all);
  bytes.copy(all, before.length);
  return all;
}

export const ascii = (text: string): Uint8Array =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

function table(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}
