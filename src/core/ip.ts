/**
 * IPv4 and IPv6 addresses and CIDR ranges, read strictly.
 *
 * An address decides who is blocked and who is believed, so a text has one meaning here or none:
 * IPv4 is four decimal parts without leading zeros (no octal, no `127.1`), IPv6 is RFC 4291 text, an
 * IPv4-mapped address (`::ffff:10.0.0.1`) is the IPv4 address it carries. Zones (`%eth0`) are refused.
 *
 * An address is four 32-bit words; IPv4 uses the first alone. `readIp` fills words it is given, so the
 * accept path reads an address without allocating.
 */

export type IpFamily = 4 | 6;

export type IpAddress = {
  readonly family: IpFamily;
  readonly words: Uint32Array;
  /** Canonical text (RFC 5952 for IPv6). */
  readonly text: string;
};

export type Cidr = {
  readonly family: IpFamily;
  /** The first address of the range: host bits are cleared. */
  readonly words: Uint32Array;
  /** 0..32 for IPv4, 0..128 for IPv6. */
  readonly prefix: number;
  /** Whether the text named an address inside the range and not its first one. */
  readonly hostBitsSet: boolean;
  /** Canonical text: the address alone where the range holds one address, else `address/prefix`. */
  readonly text: string;
};

/** The longest text that can be an address: eight groups, the last two as IPv4. */
const addressCharactersMax = 45;

export function parseIp(text: string): IpAddress | null {
  const words = new Uint32Array(4);
  const family = readIp(text, text.length, words);
  return family === 0 ? null : { family, words, text: formatWords(family, words) };
}

/** An address without a prefix is the range that holds it alone. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const words = new Uint32Array(4);
  const addressEnd = slash === -1 ? text.length : slash;
  let family = readIp(text, addressEnd, words);
  if (family === 0) return null;
  const mapped = family === 4 && text.lastIndexOf(':', addressEnd) !== -1;
  let prefix = family === 4 ? 32 : 128;
  if (slash !== -1) {
    const digits = text.slice(slash + 1);
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return null;
    prefix = Number(digits);
    if (mapped) {
      if (prefix > 128) return null;
      if (prefix >= 96) {
        prefix -= 96;
      } else {
        // Wider than the mapped block itself: an IPv6 range after all.
        words.set([0, 0, 0xffff, words[0] as number]);
        family = 6;
      }
    }
    if (prefix > (family === 4 ? 32 : 128)) return null;
  }
  const hostBitsSet = clearHostBits(words, prefix, family);
  return { family, words, prefix, hostBitsSet, text: formatRange(family, words, prefix) };
}

/** Whether this is how the range it names is written. Nothing is made for what most texts are, an IPv4 address. */
export function isCanonicalCidr(text: string): boolean {
  if (text.includes(':') || text.includes('/')) return parseCidr(text)?.text === text;
  return readIp(text, text.length, scratchWords) === 4;
}

const scratchWords = new Uint32Array(4);

/** The range of this length around an address in words. */
export function cidrOf(family: IpFamily, address: Uint32Array, prefix: number): Cidr {
  const words = address.slice();
  const hostBitsSet = clearHostBits(words, prefix, family);
  return { family, words, prefix, hostBitsSet, text: formatRange(family, words, prefix) };
}

export function formatCidr(cidr: Cidr): string {
  return cidr.text;
}

export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.family !== address.family) return false;
  for (let index = 0; index < 4; index++) {
    const mask = wordMask(cidr.prefix, index);
    if (((address.words[index] as number) & mask) >>> 0 !== cidr.words[index]) return false;
  }
  return true;
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: IpAddress): boolean {
  const { words } = address;
  if (address.family === 4) return (words[0] as number) >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

/** 0.0.0.0 and ::. */
export function isUnspecified(address: IpAddress): boolean {
  return address.words.every((word) => word === 0);
}

/** The bits of word `index` that a prefix of this length covers, as a signed 32-bit mask. */
export function wordMask(prefix: number, index: number): number {
  const bits = prefix - index * 32;
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/**
 * Reads `text[0..end)` into `words` and answers the family, or 0 for what is no address; then the words
 * hold nothing of use.
 */
export function readIp(text: string, end: number, words: Uint32Array): IpFamily | 0 {
  if (end < 2 || end > addressCharactersMax) return 0;
  words[0] = 0;
  words[1] = 0;
  words[2] = 0;
  words[3] = 0;
  const colon = text.indexOf(':');
  if (colon === -1 || colon >= end) return readIpv4(text, 0, end, words, 0) ? 4 : 0;
  if (!readIpv6(text, end, words)) return 0;
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    words[0] = words[3] as number;
    words[2] = 0;
    words[3] = 0;
    return 4;
  }
  return 6;
}

function readIpv4(
  text: string,
  from: number,
  end: number,
  words: Uint32Array,
  slot: number,
): boolean {
  let value = 0;
  let parts = 0;
  let at = from;
  while (at < end) {
    const start = at;
    let part = 0;
    while (at < end && at - start < 3) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      part = part * 10 + digit;
      at++;
    }
    // A leading zero is octal to some readers and decimal to others; such a text has no one meaning.
    if (at === start || part > 255 || (at - start > 1 && text.charCodeAt(start) === 48))
      return false;
    value = value * 256 + part;
    parts++;
    if (at === end) break;
    if (parts === 4 || text.charCodeAt(at) !== 46 || at + 1 === end) return false;
    at++;
  }
  if (parts !== 4) return false;
  words[slot] = value;
  return true;
}

function readIpv6(text: string, end: number, words: Uint32Array): boolean {
  let group = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === 58) {
    if (text.charCodeAt(1) !== 58) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (group === 8) return false;
    const start = at;
    let value = 0;
    while (at < end && at - start < 4) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = value * 16 + digit;
      at++;
    }
    if (at < end && text.charCodeAt(at) === 46) {
      // The last 32 bits as IPv4 text: only where exactly two groups are left, or a gap makes them so.
      if (group > 6 || (gap === -1 && group !== 6)) return false;
      if ((group & 1) === 0) {
        if (!readIpv4(text, start, end, words, group >> 1)) return false;
      } else {
        const scratch = new Uint32Array(1);
        if (!readIpv4(text, start, end, scratch, 0)) return false;
        putGroup(words, group, (scratch[0] as number) >>> 16);
        putGroup(words, group + 1, (scratch[0] as number) & 0xffff);
      }
      group += 2;
      at = end;
      break;
    }
    if (at === start) return false;
    putGroup(words, group, value);
    group++;
    if (at === end) break;
    if (text.charCodeAt(at) !== 58) return false;
    at++;
    if (at === end) return false;
    if (text.charCodeAt(at) === 58) {
      if (gap !== -1) return false;
      gap = group;
      at++;
    }
  }
  if (gap === -1) return group === 8;
  // `::` stands for at least one group of zeros.
  if (group === 8) return false;
  for (let from = group - 1, to = 7; from >= gap; from--, to--) {
    putGroup(words, to, groupOf(words, from));
    putGroup(words, from, 0);
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function groupOf(words: Uint32Array, group: number): number {
  const word = words[group >> 1] as number;
  return (group & 1) === 0 ? word >>> 16 : word & 0xffff;
}

function putGroup(words: Uint32Array, group: number, value: number): void {
  const word = words[group >> 1] as number;
  words[group >> 1] =
    (group & 1) === 0 ? (value << 16) | (word & 0xffff) : (word & 0xffff0000) | value;
}

function clearHostBits(words: Uint32Array, prefix: number, family: IpFamily): boolean {
  let hostBitsSet = false;
  const used = family === 4 ? 1 : 4;
  for (let index = 0; index < used; index++) {
    const word = words[index] as number;
    words[index] = word & wordMask(prefix, index);
    if (words[index] !== word) hostBitsSet = true;
  }
  return hostBitsSet;
}

function formatRange(family: IpFamily, words: Uint32Array, prefix: number): string {
  const address = formatWords(family, words);
  return prefix === (family === 4 ? 32 : 128) ? address : `${address}/${prefix}`;
}

/** Canonical text of an address. */
export function formatWords(family: IpFamily, words: Uint32Array): string {
  if (family === 4) {
    const word = words[0] as number;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  // RFC 5952: the longest run of two or more zero groups becomes `::`, the first of equals.
  let runStart = -1;
  let runLength = 1;
  for (let group = 0; group < 8; group++) {
    let length = 0;
    while (group + length < 8 && groupOf(words, group + length) === 0) length++;
    if (length > runLength) {
      runStart = group;
      runLength = length;
    }
    group += length;
  }
  const groups = Array.from({ length: 8 }, (_, group) => groupOf(words, group).toString(16));
  if (runStart === -1) return groups.join(':');
  return `${groups.slice(0, runStart).join(':')}::${groups.slice(runStart + runLength).join(':')}`;
}
