/**
 * The addresses and networks of `@ipMatch` and `@ipMatchFromFile`, as the guest searches them
 * (`wasm-rules/engine/operator/ip-match.ts` has the layout): sorted, those that touch joined, each family apart.
 */
import { type Cidr, parseCidr } from '#core/ip.ts';

export type IpRanges =
  | { readonly kind: 'ranges'; readonly bytes: Uint8Array }
  /** The entry that is no address and no network. */
  | { readonly kind: 'problem'; readonly entry: string };

type Range = { first: bigint; last: bigint };

export function compileIpRanges(entries: readonly string[]): IpRanges {
  const of4: Range[] = [];
  const of6: Range[] = [];
  for (const entry of entries) {
    const cidr = parseCidr(entry.trim());
    if (cidr === null) return { kind: 'problem', entry };
    (cidr.family === 4 ? of4 : of6).push(rangeOf(cidr));
  }
  const joined4 = joined(of4);
  const joined6 = joined(of6);
  const bytes = new Uint8Array(8 + joined4.length * 8 + joined6.length * 32);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, joined4.length, true);
  view.setUint32(4, joined6.length, true);
  let at = 8;
  for (const { first, last } of joined4) {
    view.setUint32(at, Number(first));
    view.setUint32(at + 4, Number(last));
    at += 8;
  }
  for (const { first, last } of joined6) {
    for (const address of [first, last]) {
      view.setBigUint64(at, address >> 64n);
      view.setBigUint64(at + 8, BigInt.asUintN(64, address));
      at += 16;
    }
  }
  return { kind: 'ranges', bytes };
}

function rangeOf({ family, words, prefix }: Cidr): Range {
  const bits = family === 4 ? 32 : 128;
  let first = 0n;
  for (const word of words.subarray(0, bits / 32)) first = (first << 32n) | BigInt(word);
  return { first, last: first | ((1n << BigInt(bits - prefix)) - 1n) };
}

function joined(ranges: readonly Range[]): readonly Range[] {
  const result: Range[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1n) result.push({ ...range });
    else if (range.last > before.last) before.last = range.last;
  }
  return result;
}
