/** `weir rollout list|show|pause|resume|abort|rollback` — how rules go out over a fleet, and the way back. */
import { usageError } from '#cli/cli-error.ts';
import {
  type Command,
  type CommandContext,
  jsonOption,
  orchestratorOptions,
} from '#cli/command.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { type Cell, printable } from '#cli/printer.ts';
import {
  follow,
  placeText,
  type RolloutAnswer,
  showRollout,
  stateCell,
  stepRows,
} from '#cli/rollout-calls.ts';
import { counted, shortHash } from '#cli/words.ts';
import { rolloutAnswer, rolloutListAnswer } from '#orchestrator/rollout-schema.ts';
import { stageText } from '#rollout/stages.ts';

const options = [jsonOption, ...orchestratorOptions];
const waitOption = {
  name: 'wait',
  kind: 'flag' as const,
  summary: 'say what happens until it ends; exit 1 where it was taken back',
};

export const rolloutList: Command = {
  words: ['rollout', 'list'],
  summary: 'list what was rolled out over the fleet, the newest first',
  positionals: [],
  options,
  examples: ['weir rollout list'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: '/api/v1/rollouts',
      answer: rolloutListAnswer,
    });
    context.print.answer(answer, () => {
      const footer = counted(answer.rollouts.length, 'rollout');
      if (answer.rollouts.length === 0) return footer;
      const titles = ['ROLLOUT', 'WHAT', 'SHA-256', 'STATE', 'WHERE', 'NODES', 'STARTED', 'WHY'];
      const rows = answer.rollouts.map((one): Cell[] => [
        ...[one.id, `${one.kind} ${one.name}`, shortHash(one.sha256), stateCell(one.state)],
        ...[placeText(one), `${one.live} of ${one.nodes.length}`, formatTime(one.startedAt)],
        one.why ?? '',
      ]);
      const heads = titles.map((text): Cell => ({ text, style: 'dim' }));
      return `${context.print.columns([heads, ...rows])}\n${footer}`;
    });
    return exitCodes.ok;
  },
};

export const rolloutShow: Command = {
  words: ['rollout', 'show'],
  summary: 'show what a rollout did, on which node, and why it stopped',
  positionals: ['ID'],
  options: [waitOption, ...options],
  examples: ['weir rollout show core-mi8x0k2f', 'weir rollout show core-mi8x0k2f --wait'],
  async run(context) {
    const answer = await showRollout(context, rolloutName(context));
    if (context.given.flag('wait')) return follow(context, answer);
    context.print.answer(answer, () => pageOf(context, answer));
    return exitCodes.ok;
  },
};

export const rolloutPause: Command = changeCommand(
  'pause',
  'let no further node have it; who has it keeps it, and is looked after',
  (id) => `${id} is paused; go on with: weir rollout resume ${id}`,
);
export const rolloutResume: Command = changeCommand(
  'resume',
  'go on with a rollout that was paused',
  (id) => `${id} goes on`,
);
export const rolloutAbort: Command = changeCommand(
  'abort',
  'end a rollout, and take it back where it is',
  (id) => `${id} is being taken back`,
);
export const rolloutRollback: Command = changeCommand(
  'rollback',
  'take a rollout back on every node, also one that is done',
  (id) => `${id} is being taken back`,
);

function changeCommand(
  change: 'pause' | 'resume' | 'abort' | 'rollback',
  summary: string,
  said: (id: string) => string,
): Command {
  const goesOn = change !== 'pause';
  return {
    words: ['rollout', change],
    summary,
    positionals: ['ID'],
    options: goesOn ? [waitOption, ...options] : options,
    examples: [`weir rollout ${change} core-mi8x0k2f`],
    async run(context) {
      const id = rolloutName(context);
      const answer = await callOrchestrator(context, {
        method: 'POST',
        path: `/api/v1/rollouts/${id}/${change}`,
        answer: rolloutAnswer,
      });
      if (goesOn && context.given.flag('wait')) return follow(context, answer);
      context.print.answer(answer, () => said(id));
      return exitCodes.ok;
    },
  };
}

function rolloutName({ given }: CommandContext): string {
  const id = given.positional(0);
  if (!/^[a-z0-9][a-z0-9-]{0,79}$/.test(id)) throw usageError(`"${id}" is no name of a rollout`);
  return id;
}

function pageOf({ print }: CommandContext, answer: RolloutAnswer): string {
  const { id, kind, name, sha256, before, state, stages, only, hold, startedBy, note } = answer;
  const { startedAt, endedAt, why, nodes } = answer;
  const row = (title: string, value: string | Cell): Cell[] => [
    { text: title, style: 'dim' },
    value,
  ];
  const place = placeText(answer);
  const facts = [
    row('rollout', id),
    row('what', `${kind} ${name}, ${sha256}`),
    row('before', before ?? "each node's own"),
    row('state', stateCell(state)),
    ...(place === '' ? [] : [row('where', place)]),
    row('stages', stages.map((one) => `${stageText(one)} ${one.soakMs / 1_000} s`).join(', ')),
    ...(only.length === 0 ? [] : [row('only', only.join(', '))]),
    ...(hold.length === 0 ? [] : [row('held', hold.join(', '))]),
    row('started', `${formatTime(startedAt)} by ${startedBy}`),
    ...(note === '' ? [] : [row('note', note)]),
    ...(endedAt === null ? [] : [row('ended', formatTime(endedAt))]),
    ...(why === null ? [] : [row('why', { text: why, style: 'red' })]),
  ];
  const rows = nodes.map((node): Cell[] => [
    ...[node.id, node.state, node.running === null ? '' : shortHash(node.running)],
    printable(node.reason),
  ]);
  const heads = ['NODE', 'STATE', 'RUNS', ''].map((text): Cell => ({ text, style: 'dim' }));
  const table = rows.length === 0 ? '' : `\n\n${print.columns([heads, ...rows])}`;
  return `${print.columns(facts)}\n\n${stepRows(answer).join('\n')}${table}`;
}
