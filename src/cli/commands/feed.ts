/** `weir feed list`, `show` and `refresh` — the lists a running node follows. */
import { feedListAnswer, feedStatus } from '#admin/feed-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { feedPage, feedRow } from '#cli/feed-rows.ts';
import { printable } from '#cli/printer.ts';

const options = [jsonOption, stateOption];

export const feedList: Command = {
  words: ['feed', 'list'],
  summary: 'list the lists of addresses the node follows',
  positionals: [],
  options,
  examples: ['weir feed list'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/feeds',
      answer: feedListAnswer,
    });
    context.print.answer(answer, () =>
      answer.feeds.length === 0
        ? 'no feeds are followed; name them under feeds in the configuration'
        : context.print.columns(answer.feeds.map(feedRow)),
    );
    return exitCodes.ok;
  },
};

export const feedShow: Command = {
  words: ['feed', 'show'],
  summary: 'show all that is known of one feed',
  positionals: ['NAME'],
  options,
  examples: ['weir feed show drop'],
  async run(context) {
    const name = context.given.positional(0);
    const answer = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/feeds/${encodeURIComponent(name)}`,
      answer: feedStatus,
    });
    context.print.answer(answer, () => context.print.columns(feedPage(answer)));
    return exitCodes.ok;
  },
};

export const feedRefresh: Command = {
  words: ['feed', 'refresh'],
  summary: 'look at a feed now',
  positionals: ['NAME'],
  options,
  examples: ['weir feed refresh drop'],
  async run(context) {
    const name = context.given.positional(0);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/feeds/${encodeURIComponent(name)}/refresh`,
      answer: feedStatus,
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(answer, () =>
      answer.problem === null
        ? context.print.columns([feedRow(answer)])
        : `${printable(answer.name)}: ${printable(answer.problem)}; what it said before stays`,
    );
    return answer.problem === null ? exitCodes.ok : exitCodes.failure;
  },
};
