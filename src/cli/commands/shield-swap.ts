/** `weir shield swap` — the packet program on disk takes the place of the one the node runs. */
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { programLines, swapProgram } from '#cli/swap-program.ts';
import { shortHash } from '#cli/words.ts';

export const shieldSwap: Command = {
  words: ['shield', 'swap'],
  summary: 'let the packet program on disk take the place of the loaded one; as root',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['sudo weir shield swap'],
  async run(context) {
    const program = await swapProgram(context);
    if (program === null)
      throw failureError('the node runs no packet program', [
        'weir shield status says why; one is loaded at a start as root',
      ]);
    context.print.answer(program, () =>
      program.state === 'same'
        ? `packet program ${shortHash(program.sha256)} runs, and is the one on disk`
        : programLines(program).join('\n'),
    );
    return program.state === 'stays' ? exitCodes.refused : exitCodes.ok;
  },
};
