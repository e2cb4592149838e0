/** What `weir block add` and `weir block remove` do with --fleet: the node decides for all of its fleet. */
import type { FleetBlockAnswer } from '#admin/fleet-schema.ts';
import { fleetWaitMsMax } from '#admin/fleet-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import type { CommandOption } from '#cli/command.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { counted } from '#cli/words.ts';

export const fleetOptions: readonly CommandOption[] = [
  { name: 'fleet', kind: 'flag', summary: 'on all nodes of its fleet; 30 days at most' },
  {
    name: 'wait',
    kind: 'text',
    value: 'TIME',
    summary: 'with --fleet: for how long to wait until the others have it, at most 9s',
  },
];

/** Milliseconds of `--wait`; 0 without it. */
export function waitOf(given: ParsedArguments): number {
  const text = given.text('wait');
  if (text === null) return 0;
  if (!given.flag('fleet'))
    throw usageError('--wait goes with --fleet: there is nobody to wait for');
  const [, digits, unit] = /^([1-9][0-9]{0,3})(ms|s)$/.exec(text) ?? [];
  const waitMs = Number(digits) * (unit === 's' ? 1_000 : 1);
  if (digits === undefined || waitMs > fleetWaitMsMax)
    throw usageError(`"${text}" (--wait) is no time to wait: write 500ms or 2s, at most 9s`);
  return waitMs;
}

/** `sequence 12 of edge-1, live here in the kernel and 2 workers, in force at 9 of 9 other nodes after 14 ms`. */
export function fleetText(answer: FleetBlockAnswer): string {
  const { kernel, workers, sequence, issuer, published, acknowledged, others, waitedMs } = answer;
  const here = `live here in ${kernel ? 'the kernel and ' : ''}${counted(workers, 'worker')}`;
  const there = !published
    ? 'the others hear of it when there is a bus again'
    : waitedMs === 0
      ? `sent to ${counted(others, 'other node')}`
      : `in force at ${acknowledged} of ${counted(others, 'other node')} after ${waitedMs} ms`;
  return `sequence ${sequence} of ${issuer}, ${here}, ${there}`;
}
