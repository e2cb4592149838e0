/**
 * `SecUnicodeMapFile unicode.mapping 20127`: for each code page a line with its number, then a line of
 * `hex:hex` pairs, code point and byte.
 */
import { RuleError } from './problem.ts';
import type { Position } from './rule-set.ts';

export function parseUnicodeMap(
  text: string,
  codePage: number,
  position: Position,
): ReadonlyMap<number, number> {
  const map = new Map<number, number>();
  let isWanted = false;
  let isFound = false;
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const page = /^([0-9]+)(?:\s|$)/.exec(trimmed);
    if (page !== null && !/^[0-9a-fA-F]+:/.test(trimmed)) {
      isWanted = Number(page[1]) === codePage;
      isFound ||= isWanted;
    } else if (isWanted) readPairs(trimmed, map);
  }
  if (isFound) return map;
  throw new RuleError(position, `the file has no code page ${codePage}`, 'US-ASCII is 20127');
}

function readPairs(line: string, map: Map<number, number>): void {
  for (const [, point, byte] of line.matchAll(/([0-9a-fA-F]{1,6}):([0-9a-fA-F]{2})/g)) {
    map.set(Number.parseInt(point ?? '', 16), Number.parseInt(byte ?? '', 16));
  }
}
