/**
 * YAML text → plain values and the place each came from.
 *
 * One document, string keys, no key twice, aliases expanded under a bound (the "billion laughs" file
 * stays small on disk and endless in memory). Mappings become `Map`s, so that a key such as
 * `__proto__` is a key like any other until the schema refuses it.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import type { ConfigProblem } from './problem.ts';

export type SourceValue =
  | string
  | number
  | boolean
  | null
  | readonly SourceValue[]
  | Map<string, SourceValue>;

export type SourcePosition = { readonly line: number; readonly column: number };

export type YamlSource = {
  readonly value: SourceValue;
  /** By path; for a key in a mapping this is where the key stands. */
  readonly positions: ReadonlyMap<string, SourcePosition>;
  readonly problems: readonly ConfigProblem[];
};

/** Values after aliases are expanded; a file within its size bound has fewer unless aliases multiply it. */
const valuesMax = 1_000_000;
const depthMax = 32;

export function parseYamlSource(text: string): YamlSource {
  const lines = new LineCounter();
  // Uniqueness is checked below with a set: the library compares every key with every other.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: true,
    merge: false,
    version: '1.2',
  });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error): ConfigProblem => {
      const { line, col } = lines.linePos(error.pos[0]);
      const several = error.code === 'MULTIPLE_DOCS';
      const message = several
        ? 'holds more than one YAML document'
        : `is no valid YAML: ${error.message}`;
      return {
        path: '',
        message,
        line,
        column: col,
        ...(several ? { fix: 'keep one, without "---" lines' } : {}),
      };
    });
    return { value: null, positions: new Map(), problems };
  }
  return new Reader(document, lines).read();
}

/** `edge.listeners[0]` from its parts. */
export function childPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #positions = new Map<string, SourcePosition>();
  readonly #problems: ConfigProblem[] = [];
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  read(): YamlSource {
    const value = this.#convert(this.#document.contents, '', 0);
    return { value, positions: this.#positions, problems: this.#problems };
  }

  #convert(node: unknown, path: string, depth: number): SourceValue {
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      // An alias inside its own anchor runs into the depth bound.
      if (target !== undefined) return this.#convert(target, path, depth + 1);
      this.#problem(
        path,
        node,
        `refers to the anchor *${node.source}, which stands nowhere before it`,
      );
      return null;
    }
    this.#values++;
    if (this.#values > valuesMax || depth > depthMax) {
      const excess =
        depth > depthMax
          ? `is more than ${depthMax} levels deep`
          : `holds more than ${valuesMax} values`;
      if (this.#problems.length === 0)
        this.#problem(path, node, `${excess} once its aliases are expanded`);
      return null;
    }
    if (isMap(node) || isSeq(node) || isScalar(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
      if (!this.#positions.has(path)) this.#place(path, node);
      if (isMap(node)) return this.#mapping(node.items, path, depth);
      if (isSeq(node))
        return node.items.map((item, index) =>
          this.#convert(item, childPath(path, index), depth + 1),
        );
      const { value } = node;
      if (typeof value === 'bigint') return Number(value);
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
        return value;
    }
    return null;
  }

  #mapping(
    items: readonly { readonly key: unknown; readonly value: unknown }[],
    path: string,
    depth: number,
  ) {
    const mapping = new Map<string, SourceValue>();
    for (const { key, value } of items) {
      const name = isScalar(key) ? String(key.value) : '';
      const at = childPath(path, name);
      if (mapping.has(name)) {
        this.#problem(at, key, 'stands here a second time', 'keep one of the two');
        continue;
      }
      if (!this.#positions.has(at)) this.#place(at, key);
      mapping.set(name, this.#convert(value, at, depth + 1));
    }
    return mapping;
  }

  #place(path: string, node: unknown): void {
    const position = this.#positionOf(node);
    if (position !== null) this.#positions.set(path, position);
  }

  #problem(path: string, node: unknown, message: string, fix?: string): void {
    const position = this.#positionOf(node);
    const place = { line: position?.line ?? null, column: position?.column ?? null };
    this.#problems.push({ path, message, ...place, ...(fix === undefined ? {} : { fix }) });
  }

  #positionOf(node: unknown): SourcePosition | null {
    if (!isMap(node) && !isSeq(node) && !isScalar(node) && !isAlias(node)) return null;
    if (node.range === undefined || node.range === null) return null;
    const { line, col } = this.#lines.linePos(node.range[0]);
    return { line, column: col };
  }
}
