/** `weir rules check` — what SecLang files say: every problem with its line and its fix, and the fate of each rule. */
import { relative } from 'node:path';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { fateRows, fileRows } from '#cli/rule-fates.ts';
import { counted } from '#cli/words.ts';
import { namedRules } from '#config/core-rules.ts';
import { readByteText } from '#core/byte-text.ts';
import type { RulePlace, RuleReport } from '#toolchain/rule-check.ts';

export const rulesCheck: Command = {
  words: ['rules', 'check'],
  summary: 'say what is wrong with SecLang rules, and what becomes of each',
  positionals: ['[FILE|DIR…]'],
  options: [
    { name: 'all', kind: 'flag', summary: 'list every rule, not only counts by file' },
    { name: 'unfolded', kind: 'flag', summary: 'keep rules that the setup decides never run' },
    jsonOption,
  ],
  examples: [
    'weir rules check /usr/share/modsecurity-crs/rules',
    'weir rules check crs my-rules.conf',
    'weir rules check builtin:core',
  ],
  async run({ io, print, given }) {
    const { checkRules, excerptAt, installedRules } = await import('#toolchain/rule-check.ts');
    const paths =
      given.positionals.length === 0
        ? [installedRules()]
        : given.positionals.map((path) => namedRules(io.cwd, path));
    const report = checkRules(paths, !given.flag('unfolded'));
    const short = (file: string): string => {
      const near = relative(io.cwd, file);
      return near.startsWith('..') ? file : near;
    };
    print.answer(jsonOf(report), () =>
      textOf(print, report, { short, excerptAt, isAll: given.flag('all') }),
    );
    return report.problems.length === 0 ? exitCodes.ok : exitCodes.failure;
  },
};

type View = {
  short(file: string): string;
  excerptAt(place: RulePlace): string | null;
  readonly isAll: boolean;
};

function jsonOf({ settings, ...report }: RuleReport): object {
  const { unicodeMap, ...plain } = settings;
  return {
    ok: report.problems.length === 0,
    ...report,
    settings: { ...plain, unicodeMapEntries: unicodeMap?.size ?? null },
  };
}

function textOf(print: Printer, report: RuleReport, view: View): string {
  const { problems, problemsDropped, notes, fates } = report;
  const lines: string[] = [];
  for (const { position, message, fix } of problems) {
    const excerpt = view.excerptAt(position);
    lines.push(printable(`${placeOf(position, view)}  ${readByteText(message)}`));
    if (excerpt !== null) lines.push(print.paint('dim', `    ${printable(excerpt)}`));
    lines.push(printable(`    fix: ${fix}`), '');
  }
  if (problemsDropped > 0) lines.push(`and ${counted(problemsDropped, 'problem')} more`, '');
  if (fates.length > 0) lines.push(print.columns(fileRows(fates, view.short)), '');
  if (view.isAll) lines.push(print.columns(fateRows(fates, view.short)), '');
  for (const { position, message } of notes) {
    lines.push(print.paint('dim', printable(`${placeOf(position, view)}  ${message}`)));
  }
  if (notes.length > 0) lines.push('');
  const wrong = problems.length + problemsDropped;
  lines.push(
    wrong === 0
      ? print.paint('green', `${counted(fates.length, 'rule')}, no problems`)
      : print.paint('red', `${counted(wrong, 'problem')}; these rules must not run`),
  );
  return lines.join('\n');
}

function placeOf({ file, line, column }: RulePlace, { short }: View): string {
  return `${short(file)}:${line}:${column}`;
}
