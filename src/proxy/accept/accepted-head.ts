/** What of a request head a route takes: its method, the extension of its path, and the type of its body. */
import type { Accept } from '#config/accept-schema.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { AcceptFault } from './accept-fault.ts';

export type ContentType = {
  /** `type/subtype` in lower case; empty where none is said, or it cannot be read. */
  readonly type: string;
  /** Names in lower case, values without their quotes. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
};

export class AcceptedHead {
  readonly #methods: ReadonlySet<string>;
  readonly #types: ReadonlySet<string>;
  readonly #charsets: ReadonlySet<string>;
  readonly #extensions: ReadonlySet<string>;
  readonly #refused: ReadonlySet<string>;
  /** For Allow. */
  readonly allow: string;

  constructor(accept: Accept) {
    this.#methods = new Set(accept.methods);
    this.#types = new Set(accept.contentTypes);
    this.#charsets = new Set(accept.charsets);
    this.#extensions = new Set(accept.extensions);
    this.#refused = new Set(accept.refusedExtensions);
    this.allow = accept.methods.join(', ');
  }

  fault(view: RequestView, hasBody: boolean): AcceptFault | null {
    return this.#methodFault(view) ?? this.#pathFault(view) ?? this.#typeFault(view, hasBody);
  }

  #methodFault(view: RequestView): AcceptFault | null {
    if (this.#methods.size === 0) return null;
    const method = view.bytes.toString('latin1', view.start, view.methodEnd);
    if (this.#methods.has(method)) return null;
    const reason = `the route does not take the method ${shown(method)}`;
    return { what: 'method', status: 405, reason, target: 'method', matched: method };
  }

  #pathFault(view: RequestView): AcceptFault | null {
    if (this.#extensions.size + this.#refused.size === 0) return null;
    const path = decoded(view.bytes.toString('latin1', view.pathStart, view.pathEnd)).toLowerCase();
    const segments = path.split(/[/\\]/);
    const bad =
      segments.flatMap(extensionsOf).find((one) => this.#refused.has(one)) ??
      this.#notTaken(lastExtension(segments.at(-1) ?? ''));
    if (bad === undefined) return null;
    const reason = `the route does not take paths that end in .${shown(bad)}`;
    return { what: 'extension', status: 403, reason, target: 'path', matched: bad };
  }

  #notTaken(extension: string): string | undefined {
    const isTaken =
      extension === '' || this.#extensions.size === 0 || this.#extensions.has(extension);
    return isTaken ? undefined : extension;
  }

  #typeFault(view: RequestView, hasBody: boolean): AcceptFault | null {
    if (!hasBody || this.#types.size + this.#charsets.size === 0) return null;
    const target = 'header:content-type';
    const content = contentTypeOf(view);
    if (content === null) {
      const reason = 'the content type is said twice';
      return { what: 'content-type', status: 415, reason, target, matched: '' };
    }
    const { type } = content;
    const kind = `${type.split('/')[0] ?? ''}/*`;
    if (this.#types.size > 0 && !this.#types.has(type) && !this.#types.has(kind)) {
      const reason =
        type === ''
          ? 'the body has no content type, and the route takes some alone'
          : `the route does not take the content type ${shown(type)}`;
      return { what: 'content-type', status: 415, reason, target, matched: type };
    }
    if (this.#charsets.size === 0) return null;
    for (const [name, value] of content.parameters) {
      const charset = value.toLowerCase();
      if (name !== 'charset' || this.#charsets.has(charset)) continue;
      const reason = `the route does not take the charset ${shown(charset)}`;
      return { what: 'charset', status: 415, reason, target, matched: charset };
    }
    return null;
  }
}

/** Null where more than one is said: who reads the first and who reads the last would differ. */
export function contentTypeOf(view: RequestView): ContentType | null {
  let value: string | null = null;
  for (let i = 0; i < view.headerCount; i++) {
    const at = i * 4;
    if ((view.headers[at + 1] as number) - (view.headers[at] as number) !== 12) continue;
    if (view.headerName(i).toLowerCase() !== 'content-type') continue;
    if (value !== null) return null;
    value = view.headerValue(i);
  }
  const [, type = '', rest = ''] = /^\s*([!#$%&'*+.^_`|~\w/-]*)\s*(.*)$/s.exec(value ?? '') ?? [];
  return { type: type.toLowerCase(), parameters: parametersOf(rest) };
}

/** Whatever stands behind an equals sign counts, quoted as it should be or not. */
function parametersOf(text: string): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (const [, name = '', quoted, plain = ''] of text.matchAll(parameter))
    found.push([name.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain.trim()]);
  return found;
}

const parameter = /[;,]\s*([^=;,\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,]*))/gs;

/** One layer, as the origin takes it off. */
const decoded = (path: string): string =>
  path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** `a.php.txt` has two, `a.php~` and `a.php;x` have php: servers differ in which of them they go by. */
const extensionsOf = (segment: string): string[] =>
  segment
    .split('.')
    .slice(1)
    .map((part) => /^[a-z0-9]*/.exec(part)?.[0] ?? '');

/** Some servers cut a name at a semicolon, and some file systems at trailing dots and blanks. */
function lastExtension(segment: string): string {
  const name = (segment.split(';')[0] ?? '').replace(/[. ]+$/, '');
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

/** In a reason, which stands in a line of the log. */
const shown = (text: string): string => text.replaceAll(/[^!-~]/g, '?').slice(0, 64);
