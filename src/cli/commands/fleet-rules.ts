/** `weir fleet rules|policy` — the rules a fleet is to run, and which node runs them. */
import {
  type Command,
  type CommandContext,
  jsonOption,
  orchestratorOptions,
} from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { rulesName } from '#cli/rollout-calls.ts';
import { counted, shortHash } from '#cli/words.ts';
import {
  type PolicyListAnswer,
  policyAnswer,
  policyListAnswer,
} from '#orchestrator/rollout-schema.ts';

const options = [jsonOption, ...orchestratorOptions];

export const fleetRules: Command = {
  words: ['fleet', 'rules'],
  summary: 'list the modules and policies the fleet is to run, and where they run',
  positionals: [],
  options,
  examples: ['weir fleet rules'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: '/api/v1/policies',
      answer: policyListAnswer,
    });
    context.print.answer(answer, () => tableOf(context, answer));
    return exitCodes.ok;
  },
};

export const fleetPolicy: Command = {
  words: ['fleet', 'policy'],
  summary: 'print a policy of the fleet as it is in force',
  positionals: ['NAME'],
  options,
  examples: ['weir fleet policy strict'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: `/api/v1/policies/${rulesName(context.given.positional(0))}`,
      answer: policyAnswer,
    });
    context.print.answer(answer, () => printable(answer.policy));
    return exitCodes.ok;
  },
};

function tableOf({ print }: CommandContext, { items, behind }: PolicyListAnswer): string {
  const footer = [
    counted(items.length, 'thing'),
    ...(behind.length === 0 ? [] : [`behind: ${behind.join(', ')}`]),
  ].join('; ');
  if (items.length === 0) return footer;
  const titles = ['WHAT', 'SHA-256', 'ROLLOUT', 'RUNS ON', 'NOT ON'];
  const rows = items.map(({ kind, name, sha256, rollout, nodes }): Cell[] => {
    const isRight = (node: (typeof nodes)[number]) =>
      sha256 === null ? node.state === 'own' : node.state === 'live' && node.running === sha256;
    const wrong = nodes.filter((node) => !isRight(node));
    return [
      ...[`${kind} ${name}`, sha256 === null ? 'own' : shortHash(sha256), rollout],
      `${nodes.length - wrong.length} of ${counted(nodes.length, 'node')}`,
      wrong.map(({ id, state }) => `${id} (${state})`).join(', '),
    ];
  });
  return `${print.columns([titles.map((text): Cell => ({ text, style: 'dim' })), ...rows])}\n${footer}`;
}
