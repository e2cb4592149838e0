/**
 * Cuts a file of rules into directives, and these into words, as Apache httpd does for ModSecurity 2:
 *
 *   SecRule ARGS|!ARGS:q "@rx \"a b\"" \        one directive on two lines: a backslash as the last
 *       "id:1,phase:2,deny"                     byte of a line joins it to the next
 *
 * Words are parted by blanks. A word in `"` or `'` ends at the same mark; within it `\"` (its own mark)
 * and `\\` stand for the second byte, every other backslash for itself, so patterns pass unharmed.
 * Outside marks only `\\` is an escape. ModSecurity 3 agrees but for `\\`, which it leaves as two: the
 * Core Rule Set writes `\x5c` to mean the same everywhere.
 *
 * A comment is a whole line, and a backslash at its end takes the next line with it. What Apache does
 * then without a word, drop a directive, is a problem here. So is a mark that is never closed, which
 * Apache closes at the end of the line.
 */
import { languageLimits } from './limits.ts';
import { RuleError } from './problem.ts';
import type { Position } from './rule-set.ts';
import { type SourceText, Word } from './source-text.ts';

export type Directive = {
  readonly name: string;
  readonly position: Position;
  readonly words: readonly Word[];
};

const lf = 0x0a;
const cr = 0x0d;
const backslash = 0x5c;

export class TextReader {
  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
    // A byte order mark, as three bytes.
    if (this.#text.startsWith('\u00ef\u00bb\u00bf')) this.#at = 3;
  }

  /** After an error the next call reads on behind the line at fault. */
  next(): Directive | null {
    while (true) {
      this.#skipBlanks();
      if (this.#at >= this.#text.length) return null;
      const byte = this.#text.charCodeAt(this.#at);
      if (byte === lf) this.#at++;
      else if (byte === 0x23) this.#comment();
      else return this.#directive();
    }
  }

  #directive(): Directive {
    const start = this.#at;
    const words: Word[] = [];
    try {
      while (!this.#isAtLineEnd()) {
        words.push(this.#word());
        this.#checkWord(words.at(-1));
        if (this.#at - start > languageLimits.directiveBytesMax) {
          throw new RuleError(
            this.#source.positionAt(start),
            `the directive has more than ${languageLimits.directiveBytesMax} bytes`,
            'split it, or read its list from a file (@pmFromFile)',
          );
        }
        this.#skipBlanks();
      }
    } catch (error) {
      this.#skipLogicalLine();
      throw error;
    }
    const [name, ...rest] = words;
    return { name: name?.text ?? '', position: this.#source.positionAt(start), words: rest };
  }

  #word(): Word {
    const mark = this.#text.charCodeAt(this.#at);
    const isQuoted = mark === 0x22 || mark === 0x27;
    const start = this.#at;
    if (isQuoted) this.#at++;
    const pieces: string[] = [];
    const inWord: number[] = [];
    const inFile: number[] = [];
    let length = 0;
    let runStart = this.#at;
    const endRun = (): void => {
      if (this.#at > runStart || inWord.length === 0) {
        inWord.push(length);
        inFile.push(runStart);
        pieces.push(this.#text.slice(runStart, this.#at));
        length += this.#at - runStart;
      }
    };
    while (true) {
      const byte = this.#text.charCodeAt(this.#at);
      if (this.#at >= this.#text.length || byte === lf) {
        if (isQuoted) throw this.#unclosed(start);
        break;
      }
      if (isQuoted ? byte === mark : isBlank(byte)) break;
      if (byte === 0) throw this.#nul();
      if (byte !== backslash) {
        this.#at++;
        continue;
      }
      const joined = this.#continuationBytes();
      if (joined > 0) {
        endRun();
        this.#at += joined;
        runStart = this.#at;
        continue;
      }
      const next = this.#text.charCodeAt(this.#at + 1);
      if (next === backslash || (isQuoted && next === mark)) {
        endRun();
        this.#at++;
        runStart = this.#at;
      }
      this.#at++;
    }
    endRun();
    if (isQuoted) this.#at++;
    return new Word(this.#source, pieces.join(''), inWord, inFile);
  }

  /** Slips that editors and copies from documents make; what they lead to would name something else. */
  #checkWord(word: Word | undefined): void {
    if (word === undefined || this.#text[this.#at - 1] === '"') return;
    const found = slips.find(({ mark }) => mark.test(word.text));
    if (found === undefined) return;
    const at = word.text.search(found.mark);
    throw new RuleError(word.positionAt(at), found.message, found.fix);
  }

  #unclosed(start: number): RuleError {
    return new RuleError(
      this.#source.positionAt(start),
      `the text that begins with ${this.#text[start]} is not closed where its line ends`,
      'close it, or end each line but the last with a backslash and nothing behind it',
    );
  }

  #nul(): RuleError {
    return new RuleError(
      this.#source.positionAt(this.#at),
      'a NUL byte stands in the file',
      'write \\x00 in patterns; save the file as plain text',
    );
  }

  #comment(): void {
    while (this.#at < this.#text.length) {
      const end = this.#lineEnd();
      const isJoined = this.#isJoinedAt(end);
      this.#at = Math.min(end + 1, this.#text.length);
      if (!isJoined) return;
      const after = this.#at;
      this.#skipSpaces();
      const byte = this.#text.charCodeAt(this.#at);
      if (this.#at < this.#text.length && byte !== 0x23 && byte !== lf && byte !== cr) {
        const position = this.#source.positionAt(this.#at);
        this.#skipLogicalLine();
        throw new RuleError(
          position,
          'the comment above ends in a backslash and takes this line with it',
          'remove that backslash, or begin this line with #',
        );
      }
      this.#at = after;
    }
  }

  /** Offset of the LF that ends this line, or of the end of the text. */
  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end === -1 ? this.#text.length : end;
  }

  #isJoinedAt(lineEnd: number): boolean {
    if (lineEnd >= this.#text.length) return false;
    const last = this.#text.charCodeAt(lineEnd - 1) === cr ? lineEnd - 2 : lineEnd - 1;
    return last >= this.#at && this.#text.charCodeAt(last) === backslash;
  }

  #skipLogicalLine(): void {
    while (this.#at < this.#text.length) {
      const end = this.#lineEnd();
      const isJoined = this.#isJoinedAt(end);
      this.#at = Math.min(end + 1, this.#text.length);
      if (!isJoined) return;
    }
  }

  #continuationBytes(): number {
    if (this.#text.charCodeAt(this.#at) !== backslash) return 0;
    const next = this.#text.charCodeAt(this.#at + 1);
    if (next === lf) return 2;
    return next === cr && this.#text.charCodeAt(this.#at + 2) === lf ? 3 : 0;
  }

  #skipSpaces(): void {
    while (this.#at < this.#text.length && isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #skipBlanks(): void {
    while (this.#at < this.#text.length) {
      this.#skipSpaces();
      const joined = this.#continuationBytes();
      if (joined === 0) return;
      this.#at += joined;
    }
  }

  #isAtLineEnd(): boolean {
    return this.#at >= this.#text.length || this.#text.charCodeAt(this.#at) === lf;
  }
}

/** In a word outside quotes; characters of UTF-8 as their bytes. */
const slips: readonly { readonly mark: RegExp; readonly message: string; readonly fix: string }[] =
  [
    {
      mark: /^\\$/,
      message: 'the backslash does not join this line to the next: something stands behind it',
      fix: 'take out the blanks behind it, or the backslash itself where no line follows',
    },
    {
      mark: /\u00e2\u0080[\u0098-\u009f]/,
      message: 'a typographic quotation mark stands where a plain one is meant',
      fix: 'write "',
    },
    {
      mark: /\u00c2\u00a0/,
      message: 'a no-break space stands where a plain one is meant',
      fix: 'write a blank',
    },
  ];

/** A CR before LF is white space, so files from Windows read the same. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === cr || byte === 0x0b || byte === 0x0c;
}
