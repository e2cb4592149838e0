/**
 * IP addresses and networks as sixteen bytes: IPv4 stands in `::ffff:0:0/96`, so one comparison serves
 * both, and a client that came as `::ffff:192.0.2.7` is in 192.0.2.0/24.
 */
import { hexValue } from './bytes';

/** Sixteen bytes of the last address read. */
export const addressBytes: usize = memory.data(16, 16);
/** The last address read was IPv4, in either form. */
export let addressIsV4: bool = false;

/** Reads the text of an address into `addressBytes`; a zone (`%eth0`) is left aside. False for none. */
export function readAddress(at: usize, length: i32): bool {
  let end = at;
  const stop = at + length;
  let colons = false;
  while (end < stop && load<u8>(end) != 0x25) colons = load<u8>(end++) == 0x3a || colons;
  memory.fill(addressBytes, 0, 16);
  if (!colons) {
    addressIsV4 = true;
    store<u16>(addressBytes, 0xffff, 10);
    return readV4(at, end, addressBytes + 12);
  }
  if (!readV6(at, end)) return false;
  addressIsV4 =
    load<u64>(addressBytes) == 0 && load<u16>(addressBytes, 8) == 0 && load<u16>(addressBytes, 10) == 0xffff;
  return true;
}

function readV4(at: usize, end: usize, into: usize): bool {
  for (let part = 0; part < 4; part++) {
    let value: u32 = 0;
    const start = at;
    for (; at < end && <u32>load<u8>(at) - 0x30 < 10 && at - start < 3; at++)
      value = value * 10 + (load<u8>(at) - 0x30);
    if (at == start || value > 255 || (at - start > 1 && load<u8>(start) == 0x30)) return false;
    store<u8>(into + part, value);
    if (part == 3) return at == end;
    if (at >= end || load<u8>(at++) != 0x2e) return false;
  }
  return false;
}

function readV6(at: usize, end: usize): bool {
  let words = 0;
  /** Before which word `::` stands. */
  let gap = -1;
  if (at + 1 < end && load<u16>(at) == 0x3a3a) {
    gap = 0;
    at += 2;
  }
  while (at < end) {
    if (words >= 8) return false;
    const start = at;
    let value = 0;
    while (at < end && at - start < 4) {
      const digit = hexValue(load<u8>(at));
      if (digit < 0) break;
      value = (value << 4) | digit;
      at++;
    }
    if (at < end && load<u8>(at) == 0x2e) {
      if (words > 6 || !readV4(start, end, addressBytes + (words << 1))) return false;
      words += 2;
      at = end;
      break;
    }
    if (at == start) return false;
    store<u8>(addressBytes + (words << 1), value >> 8);
    store<u8>(addressBytes + (words << 1) + 1, value);
    words++;
    if (at == end) break;
    if (load<u8>(at++) != 0x3a || at == end) return false;
    if (load<u8>(at) == 0x3a) {
      if (gap >= 0) return false;
      gap = words;
      at++;
    }
  }
  if (gap < 0) return words == 8;
  if (words > 7) return false;
  const behind: usize = (<usize>(words - gap)) << 1;
  memory.copy(addressBytes + 16 - behind, addressBytes + (gap << 1), behind);
  memory.fill(addressBytes + (gap << 1), 0, 16 - behind - (gap << 1));
  return true;
}

/** Networks; asked one after the other, which is as fast as anything for the few a rule has. */
export class AddressSet {
  private networks: usize[] = [];

  /** `192.0.2.0/24`, `2001:db8::/32` or a single address. False for what is none. */
  add(text: string): bool {
    const slash = text.indexOf('/');
    const address = String.UTF8.encode(slash < 0 ? text : text.slice(0, slash));
    if (!readAddress(changetype<usize>(address), address.byteLength)) return false;
    const bitsMax = addressIsV4 && !text.includes(':') ? 32 : 128;
    let bits = bitsMax;
    if (slash >= 0) {
      const written = text.slice(slash + 1);
      bits = 0;
      if (written.length < 1 || written.length > 3) return false;
      for (let i = 0; i < written.length; i++) {
        const digit = written.charCodeAt(i) - 0x30;
        if (digit < 0 || digit > 9) return false;
        bits = bits * 10 + digit;
      }
      if (bits > bitsMax) return false;
    }
    const network = heap.alloc(24);
    memory.copy(network, addressBytes, 16);
    store<u32>(network, bits + 128 - bitsMax, 16);
    this.networks.push(network);
    return true;
  }

  get size(): i32 {
    return this.networks.length;
  }

  /** Is the address read last in one of them? */
  hasLast(): bool {
    for (let i = 0, count = this.networks.length; i < count; i++) {
      const network = unchecked(this.networks[i]);
      if (sameBits(network, addressBytes, load<i32>(network, 16))) return true;
    }
    return false;
  }
}

function sameBits(a: usize, b: usize, bits: i32): bool {
  let byte: usize = 0;
  for (; bits >= 8; bits -= 8, byte++) if (load<u8>(a + byte) != load<u8>(b + byte)) return false;
  return bits == 0 || (load<u8>(a + byte) ^ load<u8>(b + byte)) >> <u8>(8 - bits) == 0;
}
