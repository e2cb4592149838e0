/** `weir module history` — every version of a rule module a node remembers, newest first. */
import { moduleHistoryAnswer } from '#admin/module-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell, Style } from '#cli/printer.ts';
import { shortHash, thousands } from '#cli/words.ts';

const titles = [
  'VERSION',
  'STATE',
  'SHA-256',
  'BYTES',
  'ORIGIN',
  'SIGNED BY',
  'SEQUENCE',
  'LOADED',
  'ERROR',
];
const styles: Readonly<Record<string, Style>> = {
  live: 'green',
  quarantined: 'red',
  failed: 'red',
};

export const moduleHistory: Command = {
  words: ['module', 'history'],
  summary: 'list the versions of a rule module, the refused ones too',
  positionals: ['NAME'],
  options: [jsonOption, stateOption],
  examples: ['weir module history core'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/modules/${encodeURIComponent(context.given.positional(0))}/history`,
      answer: moduleHistoryAnswer,
    });
    context.print.answer(answer, () =>
      context.print.columns([
        titles.map((text): Cell => ({ text, style: 'dim' })),
        ...answer.versions.map((one): readonly Cell[] => {
          const style = styles[one.state];
          return [
            String(one.version),
            style === undefined ? one.state : { text: one.state, style },
            shortHash(one.sha256),
            thousands(one.bytes),
            one.origin,
            one.signedBy ?? '-',
            one.sequence === null ? '-' : String(one.sequence),
            formatTime(one.loadedAt),
            one.error ?? '',
          ];
        }),
      ]),
    );
    return exitCodes.ok;
  },
};
