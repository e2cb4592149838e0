/**
 * `ipMatch`: an address in ranges that `src/waf/operator/ip-ranges.ts` sorted and joined, by halving.
 *
 * ```
 *   u32 number of IPv4 ranges, u32 number of IPv6 ranges
 *   first, last of each IPv4 range       4 + 4 bytes, as they stand in a packet
 *   first, last of each IPv6 range       16 + 16 bytes
 * ```
 *
 * An IPv4-mapped address is the IPv4 address it carries. A text that is no address is in no range.
 */
import { addressBytes, addressIsV4, readAddress } from '../../sdk/address';

export function ipMatch(ranges: usize, at: usize, length: i32): bool {
  if (!readAddress(at, length)) return false;
  const of4 = load<u32>(ranges);
  const of6 = load<u32>(ranges, 4);
  return addressIsV4
    ? isInside(ranges + 8, of4, addressBytes + 12, 4)
    : isInside(ranges + 8 + (of4 << 3), of6, addressBytes, 16);
}

function isInside(ranges: usize, count: u32, address: usize, bytes: usize): bool {
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = ranges + middle * ((<u32>bytes) << 1);
    if (memory.compare(address, range, bytes) < 0) high = middle;
    else if (memory.compare(address, range + bytes, bytes) > 0) low = middle + 1;
    else return true;
  }
  return false;
}
