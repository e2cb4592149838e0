/** `weir block add` — an address or a range is refused from now on. */
import { fleetBlockAnswer, fleetTtlSecondsMax } from '#admin/fleet-schema.ts';
import { blockAddAnswer, ttlSecondsMax } from '#admin/schema.ts';
import { blockOptions, blockTarget, blockTerms } from '#cli/block-target.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { fleetOptions, fleetText, waitOf } from '#cli/fleet-block.ts';
import { printable } from '#cli/printer.ts';
import { listText } from '#cli/words.ts';

export const blockAdd: Command = {
  words: ['block', 'add'],
  summary: 'block an address or a CIDR range',
  positionals: ['ADDR|CIDR'],
  options: [...blockOptions('it'), ...fleetOptions, jsonOption, stateOption],
  examples: [
    'weir block add 192.0.2.7 --ttl 1h --reason "credential stuffing"',
    'weir block add 2001:db8::/32',
    'weir block add 203.0.113.0/24 --monitor',
    'weir block add 192.0.2.7 --ttl 1h --fleet --wait 2s',
  ],
  async run(context) {
    const target = blockTarget(context.given.positional(0));
    const isFleet = context.given.flag('fleet');
    const waitMs = waitOf(context.given);
    const terms = blockTerms(context.given, isFleet ? fleetTtlSecondsMax : ttlSecondsMax);
    const json = { target, ...terms };
    if (isFleet) {
      const answer = await callDaemon(context, {
        method: 'POST',
        path: '/api/v1/fleet/blocks',
        answer: fleetBlockAnswer,
        json: { ...json, waitMs },
      });
      context.print.answer(answer, () => `${sentence(answer)}\n${fleetText(answer)}`);
      return exitCodes.ok;
    }
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/blocks',
      answer: blockAddAnswer,
      json,
    });
    context.print.answer(answer, () => `${sentence(answer)} (${listText(answer)})`);
    return exitCodes.ok;
  },
};

function sentence(answer: {
  readonly target: string;
  readonly action: string | null;
  readonly expiresAt: string | null;
}): string {
  const until =
    answer.expiresAt === null ? 'until it is removed' : `until ${formatTime(answer.expiresAt)}`;
  const what = answer.action === 'monitor' ? 'monitored' : 'blocked';
  return `${printable(answer.target)} is ${what} ${until}`;
}
