/** What the compiler of rule modules says, as a terminal can show it and an editor can jump to it. */
import { join } from 'node:path';
import { failureError } from '#cli/cli-error.ts';
import { counted } from '#cli/words.ts';
import type { CompileProblem, GuestCompileError } from '#toolchain/compile-guest.ts';

/** Anything that is no such error comes back as it is. `folder` leads from here to the sources. */
export function compileFailure(error: unknown, folder: string): unknown {
  if (!isCompileError(error)) return error;
  const { problems } = error;
  if (problems.length === 0) return failureError(error.message, [], error);
  return failureError(
    `${counted(problems.length, 'mistake')} in ${folder === '' ? 'the module' : folder}`,
    problems.flatMap((problem) => problemLines(problem, folder)),
    error,
  );
}

/** By name: the class itself would load the compiler. */
const isCompileError = (error: unknown): error is GuestCompileError =>
  error instanceof Error && error.name === 'GuestCompileError';

export function problemLines({ message, place }: CompileProblem, folder: string): string[] {
  if (place === null) return [message];
  const file = place.file.startsWith('~lib/') ? place.file : join(folder, place.file);
  return [
    `${file}:${place.line}:${place.column}: ${message}`,
    ...sourceLines(place.line, place.column, place.text, place.length),
  ];
}

/** The line of source with its number, and what of it is meant. */
export function sourceLines(line: number, column: number, text: string, length = 1): string[] {
  const number = String(line);
  // Tabs would put the mark somewhere else.
  const shown = text.replaceAll('\t', ' ');
  const mark = `${' '.repeat(column - 1)}${'^'.repeat(Math.max(1, length))}`;
  return [`  ${number} | ${shown}`, `  ${' '.repeat(number.length)} | ${mark}`];
}
