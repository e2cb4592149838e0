/**
 * What every value that an operator can hold for has in it, as a pattern: with that the scan of all values rules most of
 * them out, as it does for patterns. A hint may say "perhaps" too often, and must never say "no" to what the operator finds
 * (a test runs the cases of each against it).
 */
import type { OperatorName } from '#waf/language/operator-names.ts';

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
};

/** Null where there is none: the operator looks at each value by itself. */
export function operatorHint(name: OperatorName, argument: string | null): string | null {
  // Strictly, the name of a program is enough.
  if (name === 'detectCommand' && argument !== '') return null;
  return hints[name] ?? null;
}
