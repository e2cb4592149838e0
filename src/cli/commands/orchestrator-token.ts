/** `weir orchestrator token add|list|remove` — who may call the orchestrator, and as what. */
import { type ApiRole, apiRoles } from '#admin/api-roles.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, orchestratorOptions } from '#cli/command.ts';
import { formatTime, parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { counted } from '#cli/words.ts';
import {
  tokenAddAnswer,
  tokenListAnswer,
  tokenRemoveAnswer,
  tokenTtlSecondsMax,
} from '#orchestrator/schema.ts';

const options = [jsonOption, ...orchestratorOptions];
const until = (expiresAt: string | null): string =>
  expiresAt === null ? 'no end' : formatTime(expiresAt);

export const tokenAdd: Command = {
  words: ['orchestrator', 'token', 'add'],
  summary: 'make a token for a caller, and show it this once',
  positionals: ['NAME'],
  options: [
    { name: 'role', kind: 'text', value: 'ROLE', summary: apiRoles.join(', '), required: true },
    { name: 'ttl', kind: 'text', value: 'TIME', summary: 'for how long: 1h, 7d; else no end' },
    ...options,
  ],
  examples: ['weir orchestrator token add grafana --role read --ttl 90d'],
  async run(context) {
    const role = context.given.text('role') ?? '';
    if (!apiRoles.includes(role as ApiRole))
      throw usageError(`--role ${role} is none of ${apiRoles.join(', ')}`);
    const ttl = context.given.text('ttl');
    const parsed = ttl === null ? null : parseDuration(ttl, tokenTtlSecondsMax);
    if (parsed?.ok === false) throw usageError(parsed.problem);
    const answer = await callOrchestrator(context, {
      method: 'POST',
      path: '/api/v1/tokens',
      answer: tokenAddAnswer,
      json: { name: context.given.positional(0), role, ttlSeconds: parsed?.seconds ?? null },
    });
    context.print.answer(answer, () =>
      [
        answer.token,
        `the token of "${answer.name}", role ${answer.role}, ${answer.expiresAt === null ? 'with no end' : `until ${formatTime(answer.expiresAt)}`}; it is shown this once`,
      ].join('\n'),
    );
    return exitCodes.ok;
  },
};

export const tokenList: Command = {
  words: ['orchestrator', 'token', 'list'],
  summary: 'list who may call the orchestrator',
  positionals: [],
  options,
  examples: ['weir orchestrator token list'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: '/api/v1/tokens',
      answer: tokenListAnswer,
    });
    context.print.answer(answer, () => {
      const footer = counted(answer.tokens.length, 'token');
      if (answer.tokens.length === 0) return footer;
      const titles = ['NAME', 'ROLE', 'UNTIL', 'SINCE'].map((text) => ({
        text,
        style: 'dim' as const,
      }));
      const rows = answer.tokens.map(({ name, role, expiresAt, createdAt }) => [
        ...[name, role, until(expiresAt), formatTime(createdAt)],
      ]);
      return `${context.print.columns([titles, ...rows])}\n${footer}`;
    });
    return exitCodes.ok;
  },
};

export const tokenRemove: Command = {
  words: ['orchestrator', 'token', 'remove'],
  summary: 'take a token away, from the next call on',
  positionals: ['NAME'],
  options,
  examples: ['weir orchestrator token remove grafana'],
  async run(context) {
    const name = context.given.positional(0);
    const answer = await callOrchestrator(context, {
      method: 'DELETE',
      path: `/api/v1/tokens/${encodeURIComponent(name)}`,
      answer: tokenRemoveAnswer,
    });
    context.print.answer(answer, () => `"${answer.name}" may not call any more`);
    return exitCodes.ok;
  },
};
