/** `weir fleet demo` — a whole fleet on this machine, and a block that goes round it. */
import { usageError } from '#cli/cli-error.ts';
import type { Command } from '#cli/command.ts';
import { parseDuration } from '#cli/duration.ts';

const everySecondsMax = 3_600;

export const fleetDemo: Command = {
  words: ['fleet', 'demo'],
  summary: 'run a whole fleet on this machine and time blocks that go round it',
  positionals: [],
  options: [
    { name: 'every', kind: 'text', value: 'TIME', summary: 'time between two blocks (5s)' },
    { name: 'rounds', kind: 'text', value: 'N', summary: 'end after so many blocks' },
    {
      name: 'dir',
      kind: 'text',
      value: 'DIR',
      summary: 'keep keys, configurations and logs there; else in a folder that goes with the end',
    },
  ],
  examples: ['weir fleet demo', 'weir fleet demo --rounds 3 --every 1s'],
  async run({ io, print, roles, given }) {
    const every = parseDuration(given.text('every') ?? '5s', everySecondsMax);
    if (!every.ok) throw usageError(every.problem);
    const rounds = given.text('rounds');
    if (rounds !== null && !/^[1-9]\d{0,5}$/.test(rounds))
      throw usageError(`--rounds ${rounds} is no number from 1 to 999999`);
    return roles.fleetDemo({
      ...{ io, print, dir: given.text('dir'), everySeconds: every.seconds },
      rounds: rounds === null ? null : Number(rounds),
    });
  },
};
