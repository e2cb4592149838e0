/**
 * Address lists as FireHOL and most others publish them: an address or CIDR range a line, `#` and `;` begin a
 * comment, also behind an entry.
 */
import { type FeedLine, textLines } from './text-lines.ts';

export function* netsetEntries(text: string): Generator<FeedLine> {
  for (const line of textLines(text)) {
    if ('problem' in line) {
      yield line;
      continue;
    }
    const entry = line.text.replace(/[#;].*$/, '').trim();
    if (entry !== '') yield { line: line.line, text: entry };
  }
}
