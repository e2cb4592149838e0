/** Numbers on the command line, with their bounds. */
import { usageError } from '#cli/cli-error.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';

export type NumberBounds = { readonly min: number; readonly max: number; readonly whole: boolean };

/** Null where it is not given. */
export function numberOption(
  given: ParsedArguments,
  name: string,
  { min, max, whole }: NumberBounds,
): number | null {
  const text = given.text(name);
  if (text === null) return null;
  const value = /^\d{1,15}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < min || value > max || (whole && !Number.isInteger(value)))
    throw usageError(
      `--${name} ${text} is no ${whole ? 'whole ' : ''}number from ${min} to ${max}`,
    );
  return value;
}
