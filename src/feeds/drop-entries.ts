/**
 * Spamhaus DROP, EDROP and DROPv6 as text: `1.10.16.0/20 ; SBL256894`, comments begin with `;`. A line without the
 * number of its listing is no line of such a list: a page of another kind in its place is told by that.
 */
import { type FeedLine, textLines } from './text-lines.ts';

export function* dropEntries(text: string): Generator<FeedLine> {
  for (const line of textLines(text)) {
    if ('problem' in line) {
      yield line;
      continue;
    }
    const trimmed = line.text.trim();
    if (trimmed === '' || trimmed.startsWith(';')) continue;
    const parts = /^(\S+)\s*;\s*SBL\d+$/.exec(trimmed);
    yield parts?.[1] === undefined
      ? { line: line.line, problem: 'is not "RANGE ; SBLnnn", as lines of DROP are' }
      : { line: line.line, text: parts[1] };
  }
}
