/** `weir events show` — one event in full: what, why, each match, and the command that mends a false positive. */
import { eventAnswer } from '#admin/event-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { eventPage } from '#cli/event-page.ts';
import { exitCodes } from '#cli/exit-codes.ts';

export const eventsShow: Command = {
  words: ['events', 'show'],
  summary: 'show one event: what happened, why, and how to mend it if that was wrong',
  positionals: ['ID'],
  options: [jsonOption, stateOption],
  examples: ['weir events show last', 'weir events show mgj6k3cwehrzqp'],
  async run(context) {
    const id = context.given.positional(0);
    const { ecs } = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/events/${encodeURIComponent(id)}`,
      answer: eventAnswer,
    });
    context.print.answer(ecs, () => eventPage(context.print, ecs));
    return exitCodes.ok;
  },
};
