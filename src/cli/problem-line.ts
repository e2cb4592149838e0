/**
 * `weir.yaml:12:5  edge.workers  must be … (fix)`: where editors look for it first, then what.
 * Names of files and values in a message come from outside and are made printable.
 */
import { printable } from '#cli/printer.ts';
import type { ConfigProblem } from '#config/problem.ts';

export function problemLine(problem: ConfigProblem, file: string | null): string {
  const place =
    problem.line === null
      ? (file ?? 'defaults')
      : `${file ?? 'defaults'}:${problem.line}:${problem.column ?? 1}`;
  const message =
    problem.fix === undefined ? problem.message : `${problem.message} (${problem.fix})`;
  return printable([place, problem.path, message].filter((part) => part !== '').join('  '));
}
