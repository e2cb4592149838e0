/**
 * Cuts the last argument of `SecRule` into actions: `id:1,phase:2,msg:'it\'s here',setvar:tx.a=1`.
 *
 * As ModSecurity 2 reads it: names end at a colon or a comma; a value in `'` ends at the next `'`, with
 * `\'` and `\\` inside; any other ends at a comma or a blank. Beyond that, as version 3 does, a value may
 * hold a quoted part behind its equals sign (`initcol:ip='a b'`), and a backslash before any other byte
 * is a backslash. Where the two versions would each read something else (a value that goes on after a
 * blank) there is a problem instead of a choice.
 */
import { languageLimits } from './limits.ts';
import { RuleError } from './problem.ts';
import type { Position } from './rule-set.ts';
import type { Word } from './source-text.ts';

export type Action = {
  /** In lower case: ModSecurity compares names without case. */
  readonly name: string;
  /** Null where nothing follows the name. */
  readonly value: string | null;
  readonly position: Position;
  /** Of a byte of the value; one too low for each escape before it. */
  readonly valueAt: (offset: number) => Position;
};

export function parseActions(word: Word): Action[] {
  const actions: Action[] = [];
  const reader = new ActionReader(word);
  for (let action = reader.next(); action !== null; action = reader.next()) {
    actions.push(action);
    if (actions.length > languageLimits.actionsMax) {
      throw new RuleError(
        action.position,
        `a rule has at most ${languageLimits.actionsMax} actions`,
        'split the rule',
      );
    }
  }
  return actions;
}

class ActionReader {
  readonly #word: Word;
  readonly #text: string;
  #at = 0;

  constructor(word: Word) {
    this.#word = word;
    this.#text = word.text;
  }

  next(): Action | null {
    this.#skip(isBlankOrComma);
    if (this.#at >= this.#text.length) return null;
    const start = this.#at;
    this.#skip(isNameByte);
    const name = this.#text.slice(start, this.#at).toLowerCase();
    if (name === '') throw this.#error(start, 'expecting an action');
    let value: string | null = null;
    let valueStart = this.#at;
    if (this.#text[this.#at] === ':') {
      this.#at++;
      valueStart = this.#text[this.#at] === "'" ? this.#at + 1 : this.#at;
      value = this.#value();
    }
    const end = this.#at;
    this.#skip(isBlank);
    if (this.#at < this.#text.length && this.#text[this.#at] !== ',') {
      throw this.#error(end, `expecting a comma after "${name}"`);
    }
    const word = this.#word;
    return {
      name,
      value,
      position: word.positionAt(start),
      valueAt: (offset) => word.positionAt(valueStart + offset),
    };
  }

  #value(): string {
    if (this.#text[this.#at] === "'") return this.#quoted();
    const start = this.#at;
    let text = '';
    while (this.#at < this.#text.length && !isBlankOrComma(this.#text.charCodeAt(this.#at))) {
      if (this.#text[this.#at] === "'" && this.#text[this.#at - 1] === '=' && this.#at > start) {
        text += this.#quoted();
      } else text += this.#text[this.#at++] ?? '';
    }
    return text;
  }

  #quoted(): string {
    const open = this.#at++;
    let text = '';
    let from = this.#at;
    while (this.#at < this.#text.length) {
      const byte = this.#text[this.#at];
      if (byte === "'") {
        text += this.#text.slice(from, this.#at++);
        return text;
      }
      const next = this.#text[this.#at + 1];
      if (byte === '\\' && (next === "'" || next === '\\')) {
        text += this.#text.slice(from, this.#at);
        from = this.#at + 1;
        this.#at += 2;
      } else this.#at++;
    }
    throw new RuleError(
      this.#word.positionAt(open),
      "the value that begins with ' is not closed",
      "close it with '; write \\' for one inside it",
    );
  }

  #error(at: number, message: string): RuleError {
    const rest = this.#text.slice(at, at + 40);
    const isMark = rest.startsWith('"');
    return new RuleError(
      this.#word.positionAt(at),
      `${message}, got ${isMark ? 'a "' : `"${rest}"`}`,
      isMark
        ? 'put a blank between two quoted texts, and write \\" for a quote inside one'
        : "part actions by commas, and put a value with blanks or commas into '…'",
    );
  }

  #skip(isSkipped: (byte: number) => boolean): void {
    while (this.#at < this.#text.length && isSkipped(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function isBlankOrComma(byte: number): boolean {
  return byte === 0x2c || isBlank(byte);
}

function isNameByte(byte: number): boolean {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f;
}
