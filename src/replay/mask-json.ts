/**
 * The secrets of a JSON text, or of the beginning of one, made unreadable in place; what comes out is as valid as what
 * went in. Lexical: names, strings and numbers are found without the text being right.
 *
 * ```
 * {"password": "…", "a": ["token", "…"], "b": {"name": "pin", "value": 1234}, "auth": {"x": "…"}}
 * ```
 */
import { isSecretName } from '#core/secret-names.ts';
import type { SecretFiller } from './fill-secret.ts';
import { maskValue } from './mask-text.ts';

type Leaf = {
  readonly start: number;
  readonly end: number;
  readonly kind: 'json' | 'number';
  readonly inside: Container;
  readonly isSecret: boolean;
};
/** `isSecret`: everything in it is. */
type Container = {
  isSecret: boolean;
  readonly isArray: boolean;
  readonly parent: Container | null;
};

const leavesMax = 65_536;
const token = /"((?:[^"\\]|\\[\s\S])*)("\s*:|"|$)|-?\d[\d.eE+-]*|[[\]{}]/g;
/** Members that say what another member is. */
const naming = /^(?:name|key|field|id|param|parameter|header|label)$/i;

export function maskJson(bytes: Buffer, filler: SecretFiller): void {
  const text = bytes.toString('latin1');
  const leaves: Leaf[] = [];
  let inside: Container = { isSecret: false, isArray: false, parent: null };
  let name: string | null = null;
  for (const { 0: found, 1: inner, 2: tail = '', index } of text.matchAll(token)) {
    if (leaves.length >= leavesMax) {
      // Of what is beyond, nobody says any more what it is.
      filler.fill(bytes, index, bytes.length, 'json');
      break;
    }
    const isSecret = name !== null && isSecretName(name);
    if (inner !== undefined && tail.endsWith(':')) {
      name = inner;
      continue;
    }
    if (found === '{' || found === '[')
      inside = { isSecret: inside.isSecret || isSecret, isArray: found === '[', parent: inside };
    else if (found === '}' || found === ']') inside = inside.parent ?? inside;
    else if (inner === undefined)
      leaves.push({ start: index, end: index + found.length, kind: 'number', inside, isSecret });
    else {
      const start = index + 1;
      leaves.push({ start, end: start + inner.length, kind: 'json', inside, isSecret });
      const says = inside.isArray || (name !== null && naming.test(name));
      if (says && isSecretName(inner)) inside.isSecret = true;
    }
    name = null;
  }
  for (const { start, end, kind, inside: of, isSecret } of leaves) {
    if (isSecret || of.isSecret) filler.fill(bytes, start, end, kind);
    else if (kind === 'json') maskValue(bytes, start, end, filler, 'json');
  }
}
