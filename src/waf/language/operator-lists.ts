/** Lists that operators carry: phrases, addresses, ranges of bytes; from the argument or from a file. */
import { parseCidr } from '#core/ip.ts';
import { languageLimits } from './limits.ts';
import { RuleError } from './problem.ts';
import type { Position } from './rule-set.ts';

/** Phrases of `@pm`: parted by blanks; `|0d 0a|` gives bytes in hex, as in Snort. */
export function parsePhrases(text: string, position: Position): readonly string[] {
  const plain =
    text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text;
  const phrases = hexRunsResolved(plain).split(/[ \t\r\n\v\f]+/);
  return bounded(
    phrases.filter((phrase) => phrase !== ''),
    position,
    'phrases',
  );
}

/** Lines of `@pmFromFile`, trimmed; empty ones and comments give nothing. */
export function phraseLines(text: string, position: Position): readonly string[] {
  return bounded(contentLines(text), position, 'phrases');
}

/** `@ipMatch`: parted by commas. */
export function parseAddresses(text: string, position: Position): readonly string[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  return bounded(
    parts.map((part) => addressOf(part, position, '')),
    position,
    'addresses',
  );
}

/** Lines of `@ipMatchFromFile`. */
export function addressLines(text: string, position: Position, file: string): readonly string[] {
  return bounded(
    contentLines(text).map((line) =>
      addressOf(line.replace(/\s*#.*$/, ''), position, ` of ${file}`),
    ),
    position,
    'addresses',
  );
}

/** `9,10,32-126` as `from-to`, in order given. */
export function parseByteRanges(text: string, position: Position): readonly string[] {
  return text.split(',').map((part) => {
    const match = /^\s*([0-9]{1,3})\s*(?:-\s*([0-9]{1,3})\s*)?$/.exec(part);
    const from = Number(match?.[1] ?? 256);
    const to = Number(match?.[2] ?? from);
    if (from > to || to > 255) {
      throw new RuleError(
        position,
        `"${part.trim()}" is no range of bytes`,
        'write numbers and ranges from 0 to 255: 9,10,13,32-126',
      );
    }
    return `${from}-${to}`;
  });
}

function addressOf(text: string, position: Position, where: string): string {
  const cidr = parseCidr(text);
  if (cidr !== null) return cidr.text;
  throw new RuleError(
    position,
    `"${text}"${where} is no address or range`,
    'write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32',
  );
}

function contentLines(text: string): string[] {
  const lines: string[] = [];
  // Only blanks of ASCII: U+00A0 is a byte of a phrase here.
  for (const raw of text.split('\n')) {
    const line = raw.replace(/^[ \t\r\v\f]+/, '').replace(/[ \t\r\v\f]+$/, '');
    if (line !== '' && !line.startsWith('#')) lines.push(line);
  }
  return lines;
}

/** A bar without a partner, or around anything but hex, is a bar. */
function hexRunsResolved(text: string): string {
  return text.replace(/\|([0-9a-fA-F]{2}(?: ?[0-9a-fA-F]{2})*)\|/g, (_, hex: string) =>
    Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('latin1'),
  );
}

function bounded(entries: readonly string[], position: Position, what: string): readonly string[] {
  if (entries.length === 0)
    throw new RuleError(position, `there are no ${what}`, 'give at least one');
  if (entries.length > languageLimits.entriesMax) {
    throw new RuleError(
      position,
      `more than ${languageLimits.entriesMax} ${what}`,
      'shorten the list, or import it as blocks (weir block import)',
    );
  }
  return entries;
}
