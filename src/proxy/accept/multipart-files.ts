/**
 * The files in a multipart body, as it streams past: their names, and the first bytes of each.
 *
 * ```
 * preamble ─► delimiter ─► part head ─► part body ─┐
 *                 ▲ └─ "--": end                   │
 *                 └────────────────────────────────┘
 * ```
 *
 * Strict, because origins differ in what they forgive: what has no one reading is a fault and not a guess. At most a
 * part's head and a delimiter are kept; a search is a search of the bytes that came.
 */
import { fileHeadBytes } from '#core/file-types.ts';

export type MultipartFile = {
  /** What `filename` and `filename*` say, latin1, as many as there are. */
  readonly names: readonly string[];
  /** The beginning of the file, at most `fileHeadBytes`. */
  readonly head: Buffer;
};

/** Of a part's head; what is longer is a fault. */
const headBytesMax = 8_192;

type Stage = 'preamble' | 'delimiter' | 'head' | 'body' | 'end';

export class MultipartFiles {
  readonly #delimiter: Buffer;
  #stage: Stage = 'preamble';
  /** The first delimiter begins a line like the others. */
  #pending: Buffer = lineEnd;
  /** Null in a part that is no file. */
  #names: readonly string[] | null = null;
  #head: Buffer[] = [];
  #headBytes = 0;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /**
   * The files whose beginnings are known with these bytes. A text is what is wrong with the body; nothing behind it is
   * read.
   */
  *read(bytes: Buffer, isLast: boolean): Generator<MultipartFile, string | null> {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const found: MultipartFile[] = [];
      const fault = this.#step(found);
      yield* found;
      if (fault === 'more') break;
      if (fault !== null) return fault;
    }
    return isLast && this.#stage !== 'end' ? 'it ends before its last part does' : null;
  }

  /** Null where it has come further; `more`: nothing can be done without further bytes. */
  #step(found: MultipartFile[]): string | null {
    switch (this.#stage) {
      case 'preamble':
        return this.#toDelimiter(() => {});
      case 'body':
        return this.#toDelimiter((content, isEnd) => this.#content(content, isEnd, found));
      case 'delimiter':
        return this.#afterDelimiter();
      case 'head':
        return this.#partHead();
      default:
        // Behind the last part an origin may look for further ones.
        return this.#toDelimiter(() => {}) === null ? 'something stands behind its end' : 'more';
    }
  }

  #toDelimiter(take: (content: Buffer, isEnd: boolean) => void): string | null {
    const at = this.#pending.indexOf(this.#delimiter);
    if (at >= 0) {
      take(this.#pending.subarray(0, at), true);
      this.#pending = this.#pending.subarray(at + this.#delimiter.length);
      this.#stage = 'delimiter';
      return null;
    }
    const kept = Math.max(0, this.#pending.length - this.#delimiter.length + 1);
    take(this.#pending.subarray(0, kept), false);
    this.#pending = Buffer.from(this.#pending.subarray(kept));
    return 'more';
  }

  #afterDelimiter(): string | null {
    if (this.#pending.length < 2) return this.#waits();
    const next = this.#pending.toString('latin1', 0, 2);
    this.#pending = this.#pending.subarray(2);
    this.#stage = next === '--' ? 'end' : 'head';
    return next === '--' || next === '\r\n' ? null : 'a delimiter goes on behind its boundary';
  }

  #partHead(): string | null {
    // A part without fields begins with the empty line.
    const isEmpty = this.#pending.subarray(0, 2).equals(lineEnd);
    const end = isEmpty ? 0 : this.#pending.indexOf('\r\n\r\n');
    if (end < 0 && this.#pending.length <= headBytesMax) return this.#waits();
    if (end < 0 || end > headBytesMax) return 'the head of a part is too long';
    const head = this.#pending.toString('latin1', 0, end);
    // The empty line's own end may begin the delimiter of an empty part.
    this.#pending = this.#pending.subarray(isEmpty ? 2 : end + 4);
    const names = fileNamesOf(head);
    if (typeof names === 'string') return names;
    this.#names = names;
    this.#head = [];
    this.#headBytes = 0;
    this.#stage = 'body';
    return null;
  }

  #content(content: Buffer, isEnd: boolean, found: MultipartFile[]): void {
    if (this.#names === null) return;
    const wanted = content.subarray(0, fileHeadBytes - this.#headBytes);
    if (wanted.length > 0) this.#head.push(Buffer.from(wanted));
    this.#headBytes += wanted.length;
    if (!isEnd && this.#headBytes < fileHeadBytes) return;
    found.push({ names: this.#names, head: Buffer.concat(this.#head) });
    this.#names = null;
  }

  #waits(): string {
    this.#pending = Buffer.from(this.#pending);
    return 'more';
  }
}

const lineEnd = Buffer.from('\r\n');

/** Null where the part is no file; a text where its head has no one reading. */
function fileNamesOf(head: string): readonly string[] | string | null {
  let disposition: string | null = null;
  for (const line of head === '' ? [] : head.split('\r\n')) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):([^\r\n\0]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return 'a line of a part’s head cannot be read';
    if (name.toLowerCase() !== 'content-disposition') continue;
    if (disposition !== null) return 'a part says twice what it is';
    disposition = value;
  }
  if (disposition === null) return null;
  const parameters = parametersOf(disposition);
  if (parameters === null) return 'what a part says it is cannot be read';
  const names: string[] = [];
  for (const [key, value] of parameters) {
    if (!key.startsWith('filename')) continue;
    if (key === 'filename') names.push(value);
    else if (key === 'filename*') {
      const encoded = /^[^']*'[^']*'(.*)$/s.exec(value)?.[1];
      if (encoded === undefined) return 'the name of a file cannot be read';
      names.push(percentDecoded(encoded));
    } else return 'the name of a file is said in pieces';
  }
  return names.length === 0 ? null : names;
}

/** Null where the text is no `form-data; name="a"; filename=b.txt`. One way, step by step, so a long one costs no more. */
function parametersOf(text: string): (readonly [name: string, value: string])[] | null {
  const found: [string, string][] = [];
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    at = pattern.lastIndex;
    return match;
  };
  if (next(/[ \t]*[\w-]+[ \t]*/y) === null) return null;
  while (at < text.length) {
    if (next(/;[ \t]*/y) === null) return null;
    if (at === text.length) break;
    const [, name] = next(/([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*/y) ?? [];
    if (name === undefined) return null;
    // A backslash that escapes nothing is one of a path, which old browsers send.
    const value =
      text[at] === '"'
        ? next(/"((?:[^"\\]|\\.)*)"[ \t]*/sy)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
        : next(/([^\s;"]*)[ \t]*/y)?.[1];
    if (value === undefined) return null;
    found.push([name.toLowerCase(), value]);
  }
  return found;
}

const percentDecoded = (text: string): string =>
  text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
