/** `weir events stats` — which rules, routes or clients the events are about. */
import { eventCountAnswer } from '#admin/event-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime, parseDuration } from '#cli/duration.ts';
import { eventOptions, eventQueryOf } from '#cli/event-options.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';
import { countedBy } from '#events/event-store.ts';

const yearSeconds = 31_536_000;

export const eventsStats: Command = {
  words: ['events', 'stats'],
  summary: 'count the events that are kept, by rule, route, address or kind',
  positionals: [],
  options: [
    {
      name: 'by',
      kind: 'text',
      value: 'WHAT',
      summary: `${countedBy.join(', ')}; rule unless given`,
    },
    { name: 'since', kind: 'text', value: 'SPAN', summary: 'of the last 1h, 7d and so on' },
    ...eventOptions,
    jsonOption,
    stateOption,
  ],
  examples: ['weir events stats', 'weir events stats --by address --since 1h --kind blocked'],
  async run(context) {
    const { given, print } = context;
    const by = given.text('by') ?? 'rule';
    if (!countedBy.some((word) => word === by))
      throw usageError(`events are not counted by "${by}"`, `--by takes ${countedBy.join(', ')}`);
    const since = given.text('since');
    const span = since === null ? null : parseDuration(since, yearSeconds);
    if (span !== null && !span.ok) throw usageError(span.problem, 'for example --since 1h');
    const answer = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/events/counts${eventQueryOf(given, {
        by,
        ...(span === null ? {} : { sinceSeconds: String(span.seconds) }),
      })}`,
      answer: eventCountAnswer,
    });
    print.answer(answer.counts, () => {
      if (answer.counts.length === 0) return 'no such events are kept';
      const titles = ['EVENTS', by.toUpperCase(), 'NEWEST'].map(
        (text): Cell => ({ text, style: 'dim' }),
      );
      return print.columns([
        titles,
        ...answer.counts.map(({ name, events, newestAtMs }) => [
          thousands(events),
          name,
          formatTime(new Date(newestAtMs).toISOString()),
        ]),
      ]);
    });
    return exitCodes.ok;
  },
};
