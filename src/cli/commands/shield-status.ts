/** `weir shield status` — where packets are met, and what became of them. */
import { statusAnswer } from '#admin/schema.ts';
import { topAnswer } from '#admin/shield-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { shieldPage } from '#cli/shield-page.ts';

const rateMs = 1_100;

export const shieldStatusCommand: Command = {
  words: ['shield', 'status'],
  summary: 'show where packets are met and what became of them',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir shield status', 'weir shield status --json'],
  async run(context) {
    const look = () =>
      callDaemon(context, {
        method: 'GET',
        path: '/api/v1/shield/top?count=1',
        answer: topAnswer,
      });
    let { top } = await look();
    // The first question only begins to count.
    if (top !== null && top.seconds === null) {
      await new Promise((resolve) => setTimeout(resolve, rateMs));
      top = (await look()).top;
    }
    const { shield, degraded, blocks } = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/status',
      answer: statusAnswer,
    });
    const answer = {
      ...shield,
      blocks: blocks.count,
      rates: top?.verdicts ?? null,
      sampleOf: top?.sampleOf ?? null,
      degraded: degraded.filter(({ part }) => part === 'kernel shield' || part === 'SYN cookies'),
    };
    context.print.answer(answer, () => shieldPage(answer, context.print));
    return exitCodes.ok;
  },
};
