/** `weir shield top` — who sends most and what becomes of it, live. */
import { type TopAnswer, topAnswer } from '#admin/shield-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { LiveScreen } from '#cli/live-screen.ts';
import { topView } from '#cli/shield-top-view.ts';
import { talkerOrders as orders, type TalkerOrder } from '#synproxy/top-talkers.ts';

const redrawMs = 1_000;
const onceCount = 20;
/** More than any terminal has lines. */
const liveCount = 200;
/** The node compares its counters once a second. */
const firstRatesTries = 4;
const footer = 'p by packets  b by bytes  s by SYNs  q quit';

export const shieldTop: Command = {
  words: ['shield', 'top'],
  summary: 'show who sends most and what becomes of packets, live',
  positionals: [],
  options: [
    {
      name: 'by',
      kind: 'text',
      value: 'ORDER',
      summary: 'order of sources: packets, bytes or syns (packets)',
    },
    { name: 'once', kind: 'flag', summary: 'print it once, as happens without a terminal' },
    jsonOption,
    stateOption,
  ],
  examples: ['weir shield top', 'weir shield top --once --by syns'],
  async run(context) {
    const { io, given, print } = context;
    const asked = given.text('by') ?? 'packets';
    const by = orders.find((order) => order === asked);
    if (by === undefined) throw usageError(`"${asked}" is no order: ${orders.join(', ')}`);
    const isLive = io.stdout.isTTY === true && io.env['TERM'] !== 'dumb';
    if (isLive && !given.flag('once') && !print.json) return live(context, by);
    const answer = await withRates(context, by);
    const terms = { by, columns: io.stdout.columns || 80, rows: null, footer: null };
    print.answer(answer, () => topView(answer, terms, print));
    return exitCodes.ok;
  },
};

async function live(context: CommandContext, first: TalkerOrder): Promise<number> {
  let by = first;
  // What is wrong is said before the screen is taken.
  let answer = await look(context, by, liveCount);
  using screen = new LiveScreen(context.io);
  while (!screen.isEnded) {
    const { columns, rows } = screen;
    screen.draw(topView(answer, { by, columns, rows, footer }, context.print));
    for (const key of await screen.keys(redrawMs)) {
      if (key === 'q') return exitCodes.ok;
      by = orders.find((order) => order.startsWith(key)) ?? by;
    }
    if (!screen.isEnded) answer = await look(context, by, liveCount);
  }
  return exitCodes.ok;
}

/** Asked again until there is something to compare with. */
async function withRates(context: CommandContext, by: TalkerOrder): Promise<TopAnswer> {
  for (let tries = 1; ; tries++) {
    const answer = await look(context, by, onceCount);
    if (answer.top === null || answer.top.seconds !== null || tries === firstRatesTries)
      return answer;
    await new Promise((resolve) => setTimeout(resolve, redrawMs));
  }
}

function look(context: CommandContext, by: TalkerOrder, count: number): Promise<TopAnswer> {
  return callDaemon(context, {
    method: 'GET',
    path: `/api/v1/shield/top?by=${by}&count=${count}`,
    answer: topAnswer,
  });
}
