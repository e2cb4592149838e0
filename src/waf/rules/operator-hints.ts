/**
 * What every value that an operator can hold for has in it, as a pattern: with that the scan of all values rules most of
 * them out, as it does for patterns. A hint may say "perhaps" too often, and must never say "no" to what the operator finds
 * (a test runs the cases of each against it).
 */
import type { OperatorName } from '#waf/language/operator-names.ts';
import { compileByteRange } from '#waf/operator/byte-range.ts';

const hints: Partial<Readonly<Record<OperatorName, string>>> = {
  // A separator, or a blank behind the name of a program; see `wasm-rules/engine/detect/command.ts`.
  detectCommand: '[;|&`(\\r\\n \\t+$]',
  detectLookup: '\\$\\{',
  detectSsrf: '[:/\\\\]',
  detectTemplate:
    '\\{[{%]|[$#*@~%!]\\{|<%|\\[\\[|@\\(|#(?:set|evaluate) ?\\(|[<\\[]#(?:assign|include|import|macro) ',
  graphqlAliases: '\\{',
  graphqlCost: '\\{',
  graphqlDepth: '\\{',
  graphqlFields: '\\{',
  // What turns words into SQL (`wasm-rules/engine/inject/sql.ts`).
  detectSQLi: '[0-9\'"`();#*/=<>|&@{\\[\\\\_-]',
  // A tag, or an attribute that gets a value.
  detectXSS: '[<=]',
  validateUrlEncoding: '%',
  validateUtf8Encoding: '[\\x80-\\xff]',
};

/** Null where there is none: the operator looks at each value by itself. */
export function operatorHint(name: OperatorName, argument: string | null): string | null {
  // Strictly, the name of a program is enough.
  if (name === 'detectCommand' && argument !== '') return null;
  if (name === 'validateByteRange') return bytesOutside(argument);
  return hints[name] ?? null;
}

/** One of the bytes that the ranges leave out; null where they cannot be read, or leave out none. */
function bytesOutside(ranges: string | null): string | null {
  const compiled = compileByteRange(ranges ?? '');
  if (compiled.kind !== 'bytes') return null;
  const isAllowed = (byte: number): boolean =>
    ((compiled.bits[byte >> 3] ?? 0) & (1 << (byte & 7))) !== 0;
  const outside = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !isAllowed(byte));
  const escapes = outside.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`);
  return outside.length === 0 ? null : `[${escapes.join('')}]`;
}
