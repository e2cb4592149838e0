/**
 * What changes in a text, line by line, as `diff -u` writes it: for people, before something is written.
 *
 * By the longest common subsequence where what differs is short enough for a table; else the old lines, then the new.
 */

const contextLines = 2;
const cellsMax = 4_000_000;

type Line = { readonly mark: ' ' | '-' | '+'; readonly text: string };

export function lineDifference(before: string, after: string): string[] {
  const lines = compared(linesOf(before), linesOf(after));
  const shown = new Set<number>();
  for (const [index, { mark }] of lines.entries())
    if (mark !== ' ')
      for (let at = index - contextLines; at <= index + contextLines; at++) shown.add(at);
  const out: string[] = [];
  let last = -1;
  for (const [index, { mark, text }] of lines.entries()) {
    if (!shown.has(index)) continue;
    if (last >= 0 && index > last + 1) out.push('…');
    out.push(`${mark} ${text}`.trimEnd());
    last = index;
  }
  return out;
}

const linesOf = (text: string): string[] =>
  text === '' ? [] : text.replace(/\n$/, '').split('\n');

function compared(before: readonly string[], after: readonly string[]): Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++;
  const same = (text: string): Line => ({ mark: ' ', text });
  return [
    ...before.slice(0, head).map(same),
    ...differing(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function differing(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  const gone = (text: string): Line => ({ mark: '-', text });
  const come = (text: string): Line => ({ mark: '+', text });
  if ((before.length + 1) * width > cellsMax) return [...before.map(gone), ...after.map(come)];
  // Longest common subsequence of what is left of each, from the end.
  const longest = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number): number => longest[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--)
    for (let column = after.length - 1; column >= 0; column--)
      longest[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
  const lines: Line[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const old = before[row];
    const fresh = after[column];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      row++;
      column++;
    } else if (
      old !== undefined &&
      (fresh === undefined || at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push(gone(old));
      row++;
    } else {
      lines.push(come(fresh ?? ''));
      column++;
    }
  }
  return lines;
}
