/**
 * One column of a table in RFC 4180: fields in quotes may hold commas, line ends and doubled quotes. A column that is
 * named is looked for in the first record; one that is numbered is taken from every record, and a first record whose
 * field is no address is then taken for the names of the columns. `#` at the beginning of a line is a comment, which
 * RFC 4180 has not and lists do.
 */
import { parseCidr } from '#core/ip.ts';
import { type FeedLine, feedLineCharactersMax } from './text-lines.ts';

type CsvRecord = { readonly line: number } & (
  | { readonly fields: readonly string[] }
  | { readonly problem: string }
);

/** Fields of a record. */
export const csvFieldsMax = 256;

export function* csvEntries(text: string, column: string | number): Generator<FeedLine> {
  let index = typeof column === 'number' ? column - 1 : -1;
  let isFirst = true;
  for (const record of csvRecords(text)) {
    const { line } = record;
    if ('problem' in record) {
      yield record;
      isFirst = false;
      continue;
    }
    const { fields } = record;
    const wasFirst = isFirst;
    isFirst = false;
    if (wasFirst && typeof column === 'string') {
      index = fields.findIndex((name) => name.trim() === column);
      if (index >= 0) continue;
      yield { line, problem: `no column is named "${column}"` };
      return;
    }
    const field = fields[index]?.trim();
    if (field === undefined)
      yield { line, problem: `has ${fields.length} columns, and the column is ${index + 1}` };
    else if (!wasFirst || parseCidr(field) !== null) yield { line, text: field };
  }
}

/** Exported for its test. */
export function* csvRecords(text: string): Generator<CsvRecord> {
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const start = line;
    if (text[at] === '#') {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end + 1;
      line++;
      continue;
    }
    const from = at;
    const fields: string[] = [];
    let problem: string | null = null;
    for (;;) {
      let field: string;
      if (text[at] === '"') {
        field = '';
        at++;
        for (;;) {
          const quote = text.indexOf('"', at);
          // A quote that is never closed would make one field of all the rest.
          const end = quote === -1 ? text.length : quote;
          if (quote === -1 || end - from > feedLineCharactersMax) {
            yield {
              line: start,
              problem: `a quote is not closed within ${feedLineCharactersMax} characters`,
            };
            return;
          }
          const piece = text.slice(at, end);
          for (const character of piece) if (character === '\n') line++;
          field += piece;
          at = end + 1;
          if (text[at] !== '"') break;
          field += '"';
          at++;
        }
        if (at < text.length && !/[,\r\n]/.test(text[at] ?? '')) {
          problem ??= 'something stands behind a closing quote';
          at = fieldEnd(text, at);
        }
      } else {
        const end = fieldEnd(text, at);
        field = text.slice(at, end);
        at = end;
        if (field.includes('"')) problem ??= 'a quote stands inside a field without quotes';
      }
      if (fields.length === csvFieldsMax) problem ??= `has more than ${csvFieldsMax} columns`;
      else fields.push(field);
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (at - from > feedLineCharactersMax)
      problem ??= `is longer than ${feedLineCharactersMax} characters`;
    if (problem !== null) yield { line: start, problem };
    else if (fields.length > 1 || fields[0]?.trim() !== '') yield { line: start, fields };
  }
}

/** A carriage return ends a field only before a line feed. */
function fieldEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const character = text[at];
    if (character === ',' || character === '\n') break;
    if (character === '\r' && text[at + 1] === '\n') break;
    at++;
  }
  return at;
}
