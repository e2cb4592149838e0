/**
 * Spamhaus DROP as JSON, an object a line: `{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}`, and one last
 * line that says of the list what it is (`"type":"metadata"`). Where that names a number of records, there are as
 * many, or the list was cut off on its way.
 */
import { type FeedLine, textLines } from './text-lines.ts';

export function* dropJsonEntries(text: string): Generator<FeedLine> {
  let records = 0;
  let last = 0;
  let hasMetadata = false;
  for (const line of textLines(text)) {
    last = line.line;
    if ('problem' in line) {
      yield line;
      continue;
    }
    if (line.text.trim() === '') continue;
    const value = objectOf(line.text);
    if (value === null) {
      yield { line: line.line, problem: 'is no JSON object' };
    } else if (value['type'] === 'metadata') {
      hasMetadata = true;
      const said = value['records'];
      if (said !== undefined && said !== records)
        yield {
          line: line.line,
          problem: `says ${String(said)} records, and there are ${records}`,
        };
    } else if (typeof value['cidr'] === 'string') {
      records++;
      yield { line: line.line, text: value['cidr'] };
    } else yield { line: line.line, problem: 'has no "cidr"' };
  }
  if (records > 0 && !hasMetadata)
    yield { line: last + 1, problem: 'the line with "type":"metadata" is missing: cut off' };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
