/** `weir fleet block add|import|list|remove` — the block list of the fleet, through its orchestrator. */
import type { Static } from 'typebox';
import { blockTarget } from '#cli/block-target.ts';
import { usageError } from '#cli/cli-error.ts';
import {
  type Command,
  type CommandContext,
  jsonOption,
  orchestratorOptions,
} from '#cli/command.ts';
import { readTargets } from '#cli/commands/block-import.ts';
import { formatTime, parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';
import {
  fleetBlockAnswer,
  fleetBlockListAnswer,
  fleetBlockPageMax,
  fleetBlockTtlSecondsMax,
  fleetBlockWaitMsMax,
  fleetImportMax,
} from '#orchestrator/schema.ts';

type Answer = Static<typeof fleetBlockAnswer>;

const shared = [jsonOption, ...orchestratorOptions];
const termOptions = [
  {
    name: 'ttl',
    kind: 'text' as const,
    value: 'TIME',
    summary: 'for how long: 30s, 15m, 1h, 7d; else 30d, which is the longest',
  },
  { name: 'monitor', kind: 'flag' as const, summary: 'let it in, and count and log what comes' },
  {
    name: 'reason',
    kind: 'text' as const,
    value: 'TEXT',
    summary: 'why, for whoever reads the list',
  },
  {
    name: 'wait',
    kind: 'text' as const,
    value: 'TIME',
    summary: 'how long nodes have to say that it holds there (1s, at most 10s)',
  },
];
const importTimeoutMs = 120_000;

export const fleetBlockAdd: Command = {
  words: ['fleet', 'block', 'add'],
  summary: 'block an address or a CIDR range on every node',
  positionals: ['ADDR|CIDR'],
  options: [...termOptions, ...shared],
  examples: ['weir fleet block add 192.0.2.7 --ttl 1h --reason "credential stuffing"'],
  async run(context) {
    const target = blockTarget(context.given.positional(0));
    const answer = await callOrchestrator(context, {
      method: 'POST',
      path: '/api/v1/blocklist',
      answer: fleetBlockAnswer,
      json: { target, ...termsOf(context) },
      timeoutMs: importTimeoutMs,
    });
    const what = context.given.flag('monitor') ? 'monitored' : 'blocked';
    context.print.answer(
      answer,
      () => `${printable(target)} is ${what} ${untilText(answer)} (${heldText(answer)})`,
    );
    return exitCodes.ok;
  },
};

export const fleetBlockImport: Command = {
  words: ['fleet', 'block', 'import'],
  summary: 'block what a file lists on every node',
  positionals: ['FILE|-'],
  options: [...termOptions, ...shared],
  examples: ['weir fleet block import drop.txt --ttl 7d --reason "known scanners"'],
  async run(context) {
    const targets = await readTargets(context.given.positional(0));
    if (targets.length > fleetImportMax)
      throw usageError(
        `${targets.length} targets are more than the ${fleetImportMax} of one import; give the file in parts`,
      );
    const answer = await callOrchestrator(context, {
      method: 'POST',
      path: '/api/v1/blocklist/import',
      answer: fleetBlockAnswer,
      json: { targets, ...termsOf(context) },
      timeoutMs: importTimeoutMs,
    });
    const what = context.given.flag('monitor') ? 'monitored' : 'blocked';
    context.print.answer(
      answer,
      () => `${thousands(answer.targets)} are ${what} ${untilText(answer)} (${heldText(answer)})`,
    );
    return exitCodes.ok;
  },
};

export const fleetBlockRemove: Command = {
  words: ['fleet', 'block', 'remove'],
  summary: 'take a block of the fleet away from every node',
  positionals: ['ADDR|CIDR'],
  options: shared,
  examples: ['weir fleet block remove 192.0.2.7'],
  async run(context) {
    const target = blockTarget(context.given.positional(0));
    const answer = await callOrchestrator(context, {
      method: 'DELETE',
      path: `/api/v1/blocklist/${encodeURIComponent(target)}`,
      answer: fleetBlockAnswer,
    });
    context.print.answer(
      answer,
      () => `${printable(target)} is not blocked by the fleet (${heldText(answer)})`,
    );
    return exitCodes.ok;
  },
};

export const fleetBlockList: Command = {
  words: ['fleet', 'block', 'list'],
  summary: 'list what the fleet blocks',
  positionals: [],
  options: [
    {
      name: 'limit',
      kind: 'text',
      value: 'N',
      summary: `how many entries, at most ${fleetBlockPageMax} (else ${fleetBlockPageMax})`,
    },
    { name: 'after', kind: 'text', value: 'NEXT', summary: 'go on where a list before ended' },
    ...shared,
  ],
  examples: ['weir fleet block list'],
  async run(context) {
    const limit = context.given.text('limit') ?? String(fleetBlockPageMax);
    if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > fleetBlockPageMax)
      throw usageError(`--limit ${limit} is no number from 1 to ${fleetBlockPageMax}`);
    const after = context.given.text('after');
    const query = new URLSearchParams({ limit, ...(after === null ? {} : { after }) });
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: `/api/v1/blocklist?${query}`,
      answer: fleetBlockListAnswer,
    });
    context.print.answer(answer, () => {
      const footer = counted(answer.count, 'block');
      if (answer.entries.length === 0) return footer;
      const titles = ['TARGET', 'ACTION', 'UNTIL', 'SINCE', 'ISSUER', 'ORIGIN', 'REASON'];
      const rows = answer.entries.map((entry): Cell[] => [
        ...[entry.target, entry.action, formatTime(entry.expiresAt), formatTime(entry.createdAt)],
        ...[entry.issuer, entry.origin, entry.reason],
      ]);
      const more =
        answer.next === null ? '' : `\nmore: weir fleet block list --after ${answer.next}`;
      const heads = titles.map((text): Cell => ({ text, style: 'dim' }));
      return `${context.print.columns([heads, ...rows])}\n${footer}${more}`;
    });
    return exitCodes.ok;
  },
};

function termsOf({ given }: CommandContext): object {
  const ttl = given.text('ttl');
  const parsed = ttl === null ? null : parseDuration(ttl, fleetBlockTtlSecondsMax);
  if (parsed?.ok === false) throw usageError(parsed.problem);
  const wait = given.text('wait');
  const waited = wait === null ? null : parseDuration(wait, fleetBlockWaitMsMax / 1_000);
  if (waited?.ok === false) throw usageError(waited.problem);
  return {
    action: given.flag('monitor') ? 'monitor' : 'drop',
    ttlSeconds: parsed?.seconds ?? null,
    reason: given.text('reason') ?? '',
    ...(waited === null ? {} : { waitMs: waited.seconds * 1_000 }),
  };
}

const untilText = ({ expiresAt }: Answer): string =>
  expiresAt === null ? '' : `until ${formatTime(expiresAt)}`;

function heldText({ acknowledged, published, count }: Answer): string {
  const held = published
    ? `holds on ${acknowledged.nodes} of ${counted(acknowledged.of, 'node')}, in the kernel of ${acknowledged.kernels}`
    : 'kept here, and sent when the bus is back';
  return `${held}; ${counted(count, 'block')} in the fleet`;
}
