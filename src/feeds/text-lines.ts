/** The lines of a text without copies of it: LF or CRLF, the last with or without an end; too long a one is said. */

/** A line of no known feed is longer. */
export const feedLineCharactersMax = 65_536;

/** One entry as it was written, or a line that says nothing that can be an entry. */
export type FeedLine = {
  /** From 1. */
  readonly line: number;
} & ({ readonly text: string } | { readonly problem: string });

export function* textLines(text: string): Generator<FeedLine> {
  let line = 0;
  for (let from = 0; from < text.length; ) {
    line++;
    const end = text.indexOf('\n', from);
    const next = end === -1 ? text.length : end;
    if (next - from > feedLineCharactersMax)
      yield { line, problem: `is longer than ${feedLineCharactersMax} characters` };
    else yield { line, text: text.slice(from, text[next - 1] === '\r' ? next - 1 : next) };
    from = next + 1;
  }
}
