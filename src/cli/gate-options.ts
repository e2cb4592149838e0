/** A replay as the condition of a change: `--replay RECORDING --max-new-blocks N`. */
import { recordRequestsMax } from '#admin/replay-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import type { CommandOption } from '#cli/command.ts';
import { numberOption } from '#cli/number-option.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';

export const gateOptions: readonly CommandOption[] = [
  {
    name: 'replay',
    kind: 'text',
    value: 'RECORDING',
    summary:
      'try it on this recording first ("last": the newest); refused where it blocks too much',
  },
  {
    name: 'max-new-blocks',
    kind: 'text',
    value: 'N',
    summary: 'with --replay: requests that it may block and that pass now (else 0)',
  },
];

/** As long as a replay may take, and what comes behind it. */
export const gatedCallTimeoutMs = 660_000;

export type Gate = { readonly recording: string; readonly newBlocksMax: number };

/** Null where none is asked for. */
export function gateOf(given: ParsedArguments): Gate | null {
  const recording = given.text('replay');
  const bounds = { min: 0, max: recordRequestsMax, whole: true };
  const newBlocksMax = numberOption(given, 'max-new-blocks', bounds);
  if (recording !== null) return { recording, newBlocksMax: newBlocksMax ?? 0 };
  if (newBlocksMax !== null) throw usageError('--max-new-blocks needs --replay RECORDING');
  return null;
}
