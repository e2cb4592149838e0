/** `weir rules explain` — what one rule has become, link by link. */
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import type { ExplainedLink, ExplainedRule } from '#toolchain/explain-rule.ts';

const argumentShown = 400;

export const rulesExplain: Command = {
  words: ['rules', 'explain'],
  summary: 'show what a SecLang rule becomes: targets, automata, changes',
  positionals: ['RULE', 'FILE|DIR…'],
  options: [paranoiaOption, setupOption, jsonOption],
  examples: [
    'weir rules explain 942100 /usr/share/modsecurity-crs',
    'weir rules explain 1020100 builtin:core',
  ],
  async run({ io, print, given }) {
    const { explainRule } = await import('#toolchain/explain-rule.ts');
    const [rule = '', ...paths] = given.positionals;
    if (!/^[0-9]{1,9}$/.test(rule)) throw usageError(`${rule} is no identifier of a rule`);
    const found = explainRule(ruleSetOf('rules', paths, given, io.cwd), Number(rule));
    if (found.kind === 'unknown') throw failureError(`no rule ${rule} in ${paths.join(', ')}`, []);
    print.answer(found, () =>
      found.kind === 'gone'
        ? `rule ${rule} is ${found.fate}: ${found.reason} (${found.place})`
        : ruleText(print, found.rule),
    );
    return exitCodes.ok;
  },
};

function ruleText(print: Printer, rule: ExplainedRule): string {
  const lines = [
    `rule ${rule.id}  phase ${rule.phase}  ${rule.action}`,
    `  at        ${rule.place}`,
    `  message   ${printable(rule.message)}`,
    `  tags      ${printable(rule.tags.join(', '))}`,
  ];
  for (const [index, link] of rule.links.entries()) lines.push(...linkLines(print, link, index));
  return lines.join('\n');
}

function linkLines(print: Printer, link: ExplainedLink, index: number): readonly string[] {
  const rows: readonly [string, string][] = [
    ['targets', link.targets.join(' ') || 'none'],
    ['by', link.transformations.join(' → ') || 'no transformation'],
    ['operator', link.operator.slice(0, argumentShown)],
    ['way', link.way],
    ['automaton', link.automaton ?? ''],
    ...link.changes.map((change): [string, string] => ['on match', change]),
  ];
  return [
    print.paint('dim', index === 0 ? 'link 1' : `link ${index + 1}, where those before match`),
    ...rows
      .filter(([, text]) => text !== '')
      .map(([name, text]) => `  ${name.padEnd(10)}${printable(text)}`),
  ];
}
