/**
 * Whether a host, as it is written in an address, is one of this machine, of its network or of its cloud. Every spelling
 * that some resolver takes counts: IPv4 in one to four numbers, decimal, octal or hexadecimal, wrapped; IPv6 with
 * IPv4 inside; names that resolve there; a dot at the end.
 *
 * `host` lies in lower case in memory of its own, so what is behind it is no part of it.
 */
import { hexDigit } from '../transform/digits';

export namespace Place {
  export const elsewhere: i32 = 0;
  /** Loopback, private, link-local. */
  export const inside: i32 = 1;
  /** Where a cloud tells machines their secrets. */
  export const metadata: i32 = 2;
}

export function placeOf(host: usize, length: i32): i32 {
  while (length > 0 && load<u8>(host + length - 1) == 0x2e) length--;
  if (length == 0) return Place.elsewhere;
  if (load<u8>(host) == 0x5b || colons(host, length) > 1) return placeOfIpv6(host, length);
  if (readIpv4(host, length) == length) return placeOfIpv4(ipv4);
  return placeOfName(host, length);
}

let ipv4: u32 = 0;

/** How many bytes from the start are an IPv4 address in any spelling; 0 where there is none. */
function readIpv4(at: usize, length: i32): i32 {
  let value: u32 = 0;
  let part = 0;
  let i = 0;
  while (true) {
    const first = i;
    const number = readNumber(at, i, length);
    i = numberEnd;
    if (i == first) return 0;
    const isLast = i >= length || load<u8>(at + i) != 0x2e || part == 3;
    if (!isLast) {
      value = (value << 8) | (<u32>number & 0xff);
      part++;
      i++;
      continue;
    }
    const rest = 32 - part * 8;
    ipv4 = part == 0 ? <u32>number : (value << rest) | (<u32>number & (0xffff_ffff >>> (part * 8)));
    return i;
  }
}

let numberEnd: i32 = 0;

/** Decimal, octal (0…, 0o…), hexadecimal (0x…); modulo 2^64. */
function readNumber(at: usize, i: i32, length: i32): u64 {
  let base: u64 = 10;
  let value: u64 = 0;
  if (i + 1 < length && load<u8>(at + i) == 0x30) {
    const mark = load<u8>(at + i + 1);
    if (mark == 0x78) {
      base = 16;
      i += 2;
    } else if (mark == 0x6f) {
      base = 8;
      i += 2;
    } else if (mark - 0x30 < 10) {
      base = 8;
      for (let digit = i; digit < length && load<u8>(at + digit) - 0x30 < 10; digit++)
        if (load<u8>(at + digit) > 0x37) base = 10;
    }
  }
  for (; i < length; i++) {
    const digit: u64 = hexDigit(load<u8>(at + i));
    if (digit >= base) break;
    value = value * base + digit;
  }
  numberEnd = i;
  return value;
}

function placeOfIpv4(address: u32): i32 {
  // 169.254.169.254 and 169.254.170.2 (AWS), 100.100.100.200 (Alibaba), 192.0.0.192 (Oracle)
  if (address == 0xa9fe_a9fe || address == 0xa9fe_aa02 || address == 0xa9fe_a9fd) return Place.metadata;
  if (address == 0x6464_64c8 || address == 0xc000_00c0) return Place.metadata;
  const first = address >>> 24;
  if (first == 0 || first == 10 || first == 127) return Place.inside;
  if (address >>> 16 == 0xa9fe || address >>> 16 == 0xc0a8) return Place.inside;
  if (address >>> 20 == 0xac1 || address >>> 22 == 0x191) return Place.inside;
  return address >>> 8 == 0xc0_0000 ? Place.inside : Place.elsewhere;
}

function colons(at: usize, length: i32): i32 {
  let count = 0;
  for (let i = 0; i < length; i++) if (load<u8>(at + i) == 0x3a) count++;
  return count;
}

const groups: usize = memory.data(8 * 4, 16);

/** With or without brackets and a zone. */
function placeOfIpv6(at: usize, length: i32): i32 {
  if (load<u8>(at) == 0x5b) {
    at++;
    length--;
    for (let i = 0; i < length; i++)
      if (load<u8>(at + i) == 0x5d || load<u8>(at + i) == 0x25) {
        length = i;
        break;
      }
  }
  memory.fill(groups, 0, 32);
  let count = 0;
  let gap = -1;
  let i = 0;
  while (i < length && count < 8) {
    if (load<u8>(at + i) == 0x3a) {
      if (i + 1 < length && load<u8>(at + i + 1) == 0x3a) {
        if (gap >= 0) return Place.elsewhere;
        gap = count;
        i += 2;
      } else i++;
      continue;
    }
    let value: u32 = 0;
    const first = i;
    while (i < length && hexDigit(load<u8>(at + i)) < 16 && i - first < 5)
      value = (value << 4) | hexDigit(load<u8>(at + i++));
    if (i < length && load<u8>(at + i) == 0x2e) {
      // The last 32 bits as IPv4.
      if (count > 6 || readIpv4(at + first, length - first) == 0) return Place.elsewhere;
      store<u32>(groups + (<usize>(count++) << 2), ipv4 >>> 16);
      store<u32>(groups + (<usize>(count++) << 2), ipv4 & 0xffff);
      i = length;
      break;
    }
    if (i == first) return Place.elsewhere;
    store<u32>(groups + (<usize>(count++) << 2), value & 0xffff);
  }
  if (gap < 0 && count != 8) return Place.elsewhere;
  if (gap >= 0) {
    const moved = count - gap;
    for (let k = 0; k < moved; k++) {
      const from = groups + (<usize>(count - 1 - k) << 2);
      const value = load<u32>(from);
      store<u32>(from, 0);
      store<u32>(groups + (<usize>(7 - k) << 2), value);
    }
  }
  return placeOfGroups();
}

@inline
function group(index: i32): u32 {
  return load<u32>(groups + (<usize>index << 2));
}

function placeOfGroups(): i32 {
  const low = (group(6) << 16) | group(7);
  let high: u32 = 0;
  for (let i = 0; i < 5; i++) high |= group(i);
  // ::, ::1, IPv4-compatible and IPv4-mapped
  if (high == 0 && (group(5) == 0 || group(5) == 0xffff)) return placeOfIpv4(low);
  // 64:ff9b::/96 and 2002::/16 carry IPv4.
  if (group(0) == 0x64 && group(1) == 0xff9b) return placeOfIpv4(low);
  if (group(0) == 0x2002) return placeOfIpv4((group(1) << 16) | group(2));
  // fd00:ec2::254 (AWS)
  if (group(0) == 0xfd00 && group(1) == 0xec2 && group(7) == 0x254) return Place.metadata;
  const first = group(0);
  return (first & 0xffc0) == 0xfe80 || (first & 0xfe00) == 0xfc00 ? Place.inside : Place.elsewhere;
}

function placeOfName(host: usize, length: i32): i32 {
  if (is(host, length, 'metadata.google.internal') || is(host, length, 'metadata.goog')) return Place.metadata;
  if (is(host, length, 'metadata.tencentyun.com') || is(host, length, 'instance-data')) return Place.metadata;
  if (is(host, length, 'rancher-metadata') || is(host, length, 'metadata') || is(host, length, 'metadata.packet.net')) return Place.metadata;
  if (is(host, length, 'localhost') || ends(host, length, '.localhost')) return Place.inside;
  if (is(host, length, 'localhost4') || is(host, length, 'localhost6') || ends(host, length, 'localdomain4')) return Place.inside;
  if (ends(host, length, 'localdomain') || is(host, length, 'ip6-localhost') || is(host, length, 'ip6-loopback')) return Place.inside;
  if (ends(host, length, 'localtest.me') || ends(host, length, 'lvh.me') || ends(host, length, 'vcap.me'))
    return Place.inside;
  if (is(host, length, 'localh.st') || ends(host, length, '.docker.internal')) return Place.inside;
  if (is(host, length, 'kubernetes.default.svc') || is(host, length, 'kubernetes.default')) return Place.inside;
  if (ends(host, length, '.nip.io') || ends(host, length, '.sslip.io') || ends(host, length, '.xip.io'))
    return placeInName(host, length);
  return Place.elsewhere;
}

/** An address somewhere in front, between dots or dashes. */
function placeInName(host: usize, length: i32): i32 {
  for (let i = 0; i < length; i++) {
    if (load<u8>(host + i) == 0x2d) store<u8>(host + i, 0x2e);
  }
  for (let i = 0; i < length; i++) {
    if (i > 0 && load<u8>(host + i - 1) != 0x2e) continue;
    if (load<u8>(host + i) - 0x30 >= 10) continue;
    // Bounded: four numbers at most are read, and a host has 255 bytes.
    if (readIpv4(host + i, length - i) != 0) {
      const place = placeOfIpv4(ipv4);
      if (place != Place.elsewhere) return place;
    }
  }
  return Place.elsewhere;
}

function is(at: usize, length: i32, word: string): bool {
  return length == word.length && ends(at, length, word);
}

function ends(at: usize, length: i32, word: string): bool {
  const first = length - word.length;
  if (first < 0) return false;
  for (let i = 0; i < word.length; i++) if (load<u8>(at + first + i) != word.charCodeAt(i)) return false;
  return true;
}
