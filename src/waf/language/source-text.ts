/**
 * A file of rules as characters that each stand for one byte, and words cut out of it that remember
 * where every character of theirs came from.
 *
 * A word loses backslashes and line ends on its way (`text-reader.ts`), so an offset in it is not an
 * offset in the file; the places where the two drift apart are kept, in order, and searched on demand:
 * positions are asked for once a target and once a problem, not once a character.
 */
import type { Position } from './rule-set.ts';

export class SourceText {
  readonly file: string;
  readonly text: string;
  #lineStarts: number[] | null = null;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  positionAt(offset: number): Position {
    this.#lineStarts ??= lineStartsOf(this.text);
    const line = lastNotAfter(this.#lineStarts, offset);
    return {
      file: this.file,
      line: line + 1,
      column: offset - (this.#lineStarts[line] ?? 0) + 1,
    };
  }
}

export class Word {
  readonly text: string;
  readonly #source: SourceText;
  /** Where runs begin: in the word, and in the file. */
  readonly #inWord: readonly number[];
  readonly #inFile: readonly number[];

  constructor(
    source: SourceText,
    text: string,
    inWord: readonly number[],
    inFile: readonly number[],
  ) {
    this.text = text;
    this.#source = source;
    this.#inWord = inWord;
    this.#inFile = inFile;
  }

  /** `offset` may be that of the end. */
  positionAt(offset: number): Position {
    const run = lastNotAfter(this.#inWord, offset);
    const start = this.#inWord[run] ?? 0;
    return this.#source.positionAt((this.#inFile[run] ?? 0) + offset - start);
  }
}

/** Index of the last number that is not above `value`; 0 where all are. */
function lastNotAfter(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return low;
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
