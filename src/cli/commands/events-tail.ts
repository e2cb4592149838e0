/** `weir events tail` — the newest events, and with -f those that come. */
import { setTimeout as wait } from 'node:timers/promises';
import { eventListAnswer, eventsDefault, eventsMax } from '#admin/event-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { eventLine } from '#cli/event-line.ts';
import { eventOptions, eventQueryOf } from '#cli/event-options.ts';
import { exitCodes } from '#cli/exit-codes.ts';

/** How often it is asked for what came since. */
const askMs = 500;

export const eventsTail: Command = {
  words: ['events', 'tail'],
  summary: 'show the newest events, and those that come',
  positionals: [],
  options: [
    { name: 'follow', kind: 'flag', summary: 'or -f: go on with those that come, until Ctrl-C' },
    { name: 'count', kind: 'text', value: 'N', summary: `how many, ${eventsDefault} unless given` },
    ...eventOptions,
    jsonOption,
    stateOption,
  ],
  examples: ['weir events tail -f --kind blocked', "weir events tail --json | jq -r '.rule.id'"],
  async run(context) {
    const { given } = context;
    const limit = given.text('count') ?? String(eventsDefault);
    if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > eventsMax)
      throw usageError(`"${limit}" is no such number`, `--count takes 1 to ${eventsMax}`);
    let place = await show(context, { limit });
    while (given.flag('follow')) {
      await wait(askMs);
      place = await show(context, { limit: String(eventsMax), after: String(place) });
    }
    return exitCodes.ok;
  },
};

/** Each as a line, in JSON too: what reads it need not wait for an end. */
async function show(context: CommandContext, query: Record<string, string>): Promise<number> {
  const { print } = context;
  const answer = await callDaemon(context, {
    method: 'GET',
    path: `/api/v1/events${eventQueryOf(context.given, query)}`,
    answer: eventListAnswer,
  });
  for (const { ecs } of answer.events)
    print.line(print.json ? JSON.stringify(ecs) : eventLine(print, ecs));
  return answer.place;
}
