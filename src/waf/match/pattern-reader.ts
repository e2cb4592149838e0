/** A cursor over the source of a pattern, and the error that ends its reading. */
import type { PatternProblem } from './syntax-tree.ts';

/** Thrown inside the parser only; `parsePattern` hands it back as a value. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  readonly problem: PatternProblem;

  constructor(offset: number, words: string) {
    super(words);
    this.problem = { offset, words };
  }
}

export class PatternReader {
  readonly source: string;
  at = 0;
  /** Inside `\Q…\E`, where every byte stands for itself. */
  isQuoting = false;
  /** Capturing groups opened so far. */
  groups = 0;

  constructor(source: string) {
    this.source = source;
  }

  get isAtEnd(): boolean {
    return this.at >= this.source.length;
  }

  /** The byte at a distance from here; an empty string past the end. */
  peek(distance = 0): string {
    return this.source[this.at + distance] ?? '';
  }

  ahead(length: number): string {
    return this.source.slice(this.at, this.at + length);
  }

  take(): string {
    const byte = this.source[this.at] ?? '';
    this.at++;
    return byte;
  }

  takeIf(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** A sticky expression at this place; what it found is taken. */
  takeMatch(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.source);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  fail(words: string, offset = this.at): never {
    throw new PatternError(offset, words);
  }
}
