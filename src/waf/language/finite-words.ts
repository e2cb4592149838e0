/**
 * The words that a small pattern stands for, when they are finitely many: `&(?:[ab]uml|amp)` is `&auml`,
 * `&buml`, `&amp`. Literals, classes of single bytes, groups and alternatives; anything else gives null.
 */
const wordsMax = 512;

export function finiteWords(source: string): readonly string[] | null {
  const reader = new WordReader(source);
  const words = reader.alternatives();
  return words === null || !reader.isAtEnd ? null : [...new Set(words)];
}

class WordReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#source.length;
  }

  alternatives(): string[] | null {
    const words: string[] = [];
    while (true) {
      const branch = this.#branch();
      if (branch === null) return null;
      words.push(...branch);
      if (words.length > wordsMax) return null;
      if (this.#source[this.#at] !== '|') return words;
      this.#at++;
    }
  }

  #branch(): string[] | null {
    let words = [''];
    while (!this.isAtEnd && this.#source[this.#at] !== '|' && this.#source[this.#at] !== ')') {
      const pieces = this.#piece();
      if (pieces === null || words.length * pieces.length > wordsMax) return null;
      words = words.flatMap((word) => pieces.map((piece) => word + piece));
    }
    return words;
  }

  #piece(): string[] | null {
    const byte = this.#source[this.#at] ?? '';
    if (this.#source.startsWith('(?:', this.#at)) {
      this.#at += 3;
      const words = this.alternatives();
      if (this.#source[this.#at++] !== ')') return null;
      return words;
    }
    if (byte === '[') return this.#class();
    if (byte === '\\') {
      const next = this.#source[this.#at + 1] ?? '';
      this.#at += 2;
      return /^[^A-Za-z0-9]$/.test(next) ? [next] : null;
    }
    this.#at++;
    return '()[]{}*+?.^$'.includes(byte) ? null : [byte];
  }

  #class(): string[] | null {
    const end = this.#source.indexOf(']', this.#at);
    const inside = this.#source.slice(this.#at + 1, end);
    if (end === -1 || !/^[A-Za-z0-9_]+$/.test(inside)) return null;
    this.#at = end + 1;
    return [...inside];
  }
}
