/** `@ipMatch` entries as words: number of ranges, then family, prefix length and four words of address each. */
import { parseCidr } from '#core/ip.ts';

export function encodeRanges(entries: readonly string[], operator: string): Uint8Array {
  const words = [entries.length];
  for (const entry of entries) {
    const range = parseCidr(entry.trim());
    if (range === null) throw new RangeError(`@${operator}: ${entry} is no address and no range`);
    words.push(range.family, range.prefix, ...[0, 1, 2, 3].map((index) => range.words[index] ?? 0));
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}
