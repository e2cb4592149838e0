/** `weir block remove` — the target may come in again. One that was not listed is a failure, said so. */
import type { Static } from 'typebox';
import { fleetBlockAnswer } from '#admin/fleet-schema.ts';
import { blockRemoveAnswer } from '#admin/schema.ts';
import { blockTarget } from '#cli/block-target.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { fleetOptions, fleetText, waitOf } from '#cli/fleet-block.ts';
import { printable } from '#cli/printer.ts';
import { listText } from '#cli/words.ts';

export const blockRemove: Command = {
  words: ['block', 'remove'],
  summary: 'unblock an address or a CIDR range',
  positionals: ['ADDR|CIDR'],
  options: [...fleetOptions, jsonOption, stateOption],
  examples: ['weir block remove 192.0.2.7', 'weir block remove 192.0.2.7 --fleet --wait 2s'],
  async run(context) {
    const target = blockTarget(context.given.positional(0));
    const waitMs = waitOf(context.given);
    if (context.given.flag('fleet')) {
      const answer = await callDaemon(context, {
        method: 'DELETE',
        path: `/api/v1/fleet/blocks/${encodeURIComponent(target)}?waitMs=${waitMs}`,
        answer: fleetBlockAnswer,
      });
      context.print.answer(answer, () => {
        const what = answer.removed
          ? 'is no longer blocked by the fleet'
          : 'was not blocked by the fleet';
        return `${printable(answer.target)} ${what}\n${fleetText(answer)}`;
      });
      return answer.removed ? exitCodes.ok : exitCodes.failure;
    }
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: `/api/v1/blocks/${encodeURIComponent(target)}`,
      answer: blockRemoveAnswer,
    });
    context.print.answer(answer, () => {
      const what = `${printable(answer.target)} ${whatOf(answer)}`;
      const still =
        answer.fleetIssuer === null
          ? ''
          : `\nthe fleet holds it still, by ${printable(answer.fleetIssuer)}: weir block remove ${printable(answer.target)} --fleet`;
      return `${what} (${listText(answer)})${still}`;
    });
    return answer.removed ? exitCodes.ok : exitCodes.failure;
  },
};

function whatOf({ removed, fleetIssuer }: Static<typeof blockRemoveAnswer>): string {
  const list = fleetIssuer === null ? 'the list' : 'the list of this node';
  if (!removed) return `is not on ${list}`;
  return fleetIssuer === null ? 'is no longer blocked' : `is no longer on ${list}`;
}
