/** `weir node list|show|drain|terminate` — the nodes of a fleet, through its orchestrator. */
import type { Static } from 'typebox';
import { graceMsMax } from '#admin/schema.ts';
import { usageError } from '#cli/cli-error.ts';
import {
  type Command,
  type CommandContext,
  jsonOption,
  orchestratorOptions,
} from '#cli/command.ts';
import { formatTime, parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, shortHash, thousands } from '#cli/words.ts';
import { isMemberName } from '#fleet/subjects.ts';
import { commandAnswer, nodeAnswer, nodeListAnswer } from '#orchestrator/schema.ts';

type NodeAnswer = Static<typeof nodeAnswer>;

const options = [jsonOption, ...orchestratorOptions];
const number = (value: number | undefined): string =>
  value === undefined ? '' : thousands(Math.round(value));

export const nodeList: Command = {
  words: ['node', 'list'],
  summary: 'list the nodes of the fleet and how they are',
  positionals: [],
  options,
  examples: ['weir node list', "weir node list --json | jq -r '.nodes[].id'"],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: '/api/v1/nodes',
      answer: nodeListAnswer,
    });
    context.print.answer(answer, () => {
      const footer = counted(answer.nodes.length, 'node');
      if (answer.nodes.length === 0) return footer;
      const titles = [
        ...['NODE', 'STATE', 'BEAT', 'VERSION', 'REGION', 'SHIELD'],
        ...['REQUESTS', 'BLOCKED', 'CONNECTIONS', 'RULES', 'FLEET RULES'],
      ];
      const rows = answer.nodes.map(({ metrics, ...node }): Cell[] => [
        ...[node.id, stateCell(node.state)],
        node.lastBeatAt === null ? 'none yet' : formatTime(node.lastBeatAt),
        ...[node.version, node.region ?? '', node.shield],
        ...[number(metrics.requestsTotal), number(metrics.blockedTotal)],
        ...[number(metrics.connections), node.rules === null ? '' : shortHash(node.rules)],
        stepCell(node.ruleSet),
      ]);
      const heads = titles.map((text): Cell => ({ text, style: 'dim' }));
      return `${context.print.columns([heads, ...rows])}\n${footer}`;
    });
    return exitCodes.ok;
  },
};

export const nodeShow: Command = {
  words: ['node', 'show'],
  summary: 'show all that is known of a node',
  positionals: ['NODE'],
  options,
  examples: ['weir node show edge-1'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: `/api/v1/nodes/${nodeName(context)}`,
      answer: nodeAnswer,
    });
    context.print.answer(answer, () => context.print.columns(rowsOf(answer)));
    return exitCodes.ok;
  },
};

export const nodeDrain: Command = {
  words: ['node', 'drain'],
  summary: 'end a node after what is in flight is finished',
  positionals: ['NODE'],
  options,
  examples: ['weir node drain edge-1'],
  run: (context) => command(context, 'drain', undefined),
};

export const nodeTerminate: Command = {
  words: ['node', 'terminate'],
  summary: 'end a node soon, cutting what takes too long',
  positionals: ['NODE'],
  options: [
    { name: 'grace', kind: 'text', value: 'TIME', summary: 'what in-flight requests get (10s)' },
    ...options,
  ],
  examples: ['weir node terminate edge-1 --grace 30s'],
  run(context) {
    const grace = context.given.text('grace');
    if (grace === null) return command(context, 'terminate', {});
    const parsed = parseDuration(grace, graceMsMax / 1_000);
    if (!parsed.ok) throw usageError(parsed.problem);
    return command(context, 'terminate', { graceMs: parsed.seconds * 1_000 });
  },
};

async function command(
  context: CommandContext,
  kind: 'drain' | 'terminate',
  json: object | undefined,
): Promise<number> {
  const answer = await callOrchestrator(context, {
    method: 'POST',
    path: `/api/v1/nodes/${nodeName(context)}/${kind}`,
    answer: commandAnswer,
    ...(json === undefined ? {} : { json }),
  });
  context.print.answer(answer, () => `${answer.id} has taken the order and is ${answer.state}`);
  return exitCodes.ok;
}

function nodeName({ given }: CommandContext): string {
  const name = given.positional(0);
  if (!isMemberName(name)) throw usageError(`"${name}" is no name of a node`);
  return name;
}

function stateCell(state: NodeAnswer['state']): Cell {
  if (state === 'active') return { text: state, style: 'green' };
  return state === 'dead' ? { text: state, style: 'red' } : { text: state, style: 'yellow' };
}

/** Whether it runs what the fleet is to run. */
function stepCell(ruleSet: NodeAnswer['ruleSet']): Cell {
  if (ruleSet === null) return '';
  if (ruleSet.inStep) return { text: 'in step', style: 'green' };
  const text = ruleSet.amiss.length === 0 ? 'behind' : 'differ';
  return { text, style: 'yellow' };
}

function rowsOf({ metrics, modules, ruleSet, ...node }: NodeAnswer): Cell[][] {
  const row = (name: string, value: string): Cell[] => [{ text: name, style: 'dim' }, value];
  return [
    row('node', node.id),
    [{ text: 'state', style: 'dim' }, stateCell(node.state)],
    row('since', formatTime(node.stateSince)),
    row('last beat', node.lastBeatAt === null ? 'none yet' : formatTime(node.lastBeatAt)),
    row('started', formatTime(node.startedAt)),
    row('version', node.version),
    row('region', node.region ?? 'none'),
    row('tags', node.tags.join(', ') || 'none'),
    row('addresses', node.addresses.join(', ') || 'none'),
    row('management', node.admin),
    row('shield', node.shield),
    row('rules', node.rules ?? 'not said yet'),
    row('decisions', node.decisions ?? 'not said yet'),
    [{ text: 'fleet rules', style: 'dim' }, stepCell(ruleSet)],
    ...(ruleSet?.amiss ?? []).map((text) => row('amiss', text)),
    ...Object.entries(modules).map(([name, sha256]) => row(`module ${name}`, sha256)),
    ...Object.entries(metrics).map(([name, value]) =>
      row(name, value.toLocaleString('en-US', { maximumFractionDigits: 2 })),
    ),
    ...node.degraded.map((reason) => row('degraded', reason)),
  ];
}
