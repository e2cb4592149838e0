/** `weir orchestrator audit list|verify` — who changed what, and whether the record of it is whole. */
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, orchestratorOptions } from '#cli/command.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { counted } from '#cli/words.ts';
import { auditListAnswer, auditPageMax, auditVerifyAnswer } from '#orchestrator/schema.ts';

const options = [jsonOption, ...orchestratorOptions];
const limitDefault = 50;

export const auditList: Command = {
  words: ['orchestrator', 'audit', 'list'],
  summary: 'list who changed what, newest first',
  positionals: [],
  options: [
    {
      name: 'limit',
      kind: 'text',
      value: 'N',
      summary: `how many entries, at most ${auditPageMax} (else ${limitDefault})`,
    },
    { name: 'before', kind: 'text', value: 'N', summary: 'those before this number' },
    ...options,
  ],
  examples: ['weir orchestrator audit list --limit 10'],
  async run(context) {
    const limit = context.given.text('limit') ?? String(limitDefault);
    if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > auditPageMax)
      throw usageError(`--limit ${limit} is no number from 1 to ${auditPageMax}`);
    const before = context.given.text('before');
    if (before !== null && !/^[1-9]\d{0,14}$/.test(before))
      throw usageError(`--before ${before} is no number of an entry`);
    const query = new URLSearchParams({ limit, ...(before === null ? {} : { before }) });
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: `/api/v1/audit?${query}`,
      answer: auditListAnswer,
    });
    context.print.answer(answer, () => {
      if (answer.entries.length === 0) return 'nothing has been changed yet';
      const titles = ['NUMBER', 'AT', 'WHO', 'FROM', 'WHAT', 'RESULT', 'DETAIL'];
      const rows = answer.entries.map((entry) => [
        ...[String(entry.sequence), formatTime(entry.at), `${entry.caller} (${entry.role})`],
        ...[entry.source, `${entry.method} ${entry.path}`],
        entry.phase === 'begin' ? 'begins' : String(entry.status),
        entry.phase === 'begin' || entry.of === null ? entry.detail : `of ${entry.of}`,
      ]);
      const more =
        answer.next === null ? '' : `\nmore: weir orchestrator audit list --before ${answer.next}`;
      const heads = titles.map((text) => ({ text, style: 'dim' as const }));
      return `${context.print.columns([heads, ...rows])}${more}`;
    });
    return exitCodes.ok;
  },
};

export const auditVerify: Command = {
  words: ['orchestrator', 'audit', 'verify'],
  summary: 'check that no entry of the audit log was changed, removed or put in',
  positionals: [],
  options,
  examples: ['weir orchestrator audit verify'],
  async run(context) {
    const answer = await callOrchestrator(context, {
      method: 'GET',
      path: '/api/v1/audit/verify',
      answer: auditVerifyAnswer,
      timeoutMs: 60_000,
    });
    const { broken, head } = answer;
    context.print.answer(answer, () =>
      broken === null
        ? `${counted(answer.entries, 'entry').replace(/entrys$/, 'entries')} follow from each other; the last is ${head.sequence}, hash ${head.hash}`
        : `entry ${broken.sequence} ${broken.reason}; the ${answer.entries} before it are whole`,
    );
    return answer.ok ? exitCodes.ok : exitCodes.failure;
  },
};
