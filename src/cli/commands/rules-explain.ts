/** `weir rules explain` — what one rule has become, link by link. */
import { failureError, usageError } from '#cli/cli-error.ts';
import { type CliIo, type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import { thousands } from '#cli/words.ts';
import type { ExplainedLink, ExplainedRule } from '#toolchain/explain-rule.ts';

const argumentShown = 400;

export const rulesExplain: Command = {
  words: ['rules', 'explain'],
  summary: 'show what a SecLang rule becomes: targets, automata, changes',
  positionals: ['RULE', 'FILE|DIR…'],
  options: [
    {
      name: 'cost',
      kind: 'flag',
      summary: 'what it costs a request, too; compiles all of the rules',
    },
    paranoiaOption,
    setupOption,
    jsonOption,
  ],
  examples: [
    'weir rules explain 942100 /usr/share/modsecurity-crs --cost',
    'weir rules explain 1020100 builtin:core',
  ],
  async run({ io, print, given }) {
    const { explainRule } = await import('#toolchain/explain-rule.ts');
    const [rule = '', ...paths] = given.positionals;
    if (!/^[0-9]{1,9}$/.test(rule)) throw usageError(`${rule} is no identifier of a rule`);
    const found = explainRule(ruleSetOf('rules', paths, given, io.cwd), Number(rule));
    if (found.kind === 'unknown') throw failureError(`no rule ${rule} in ${paths.join(', ')}`, []);
    const fuel =
      given.flag('cost') && found.kind === 'rule' ? await costOf(Number(rule), given, io) : null;
    print.answer(fuel === null ? found : { ...found, fuelOfRequest: fuel }, () =>
      found.kind === 'gone'
        ? `rule ${rule} is ${found.fate}: ${found.reason} (${found.place})`
        : ruleText(print, found.rule, fuel),
    );
    return exitCodes.ok;
  },
};

/** Units of fuel that a request needs more with it, on average of the shipped ones. */
async function costOf(rule: number, given: ParsedArguments, io: CliIo): Promise<number> {
  const { buildRuleSetApart } = await import('#toolchain/build-rule-set-apart.ts');
  const { askedBenchRequests } = await import('#toolchain/bench-requests.ts');
  const { ruleCosts } = await import('#toolchain/rule-costs.ts');
  const request = ruleSetOf('rules', given.positionals.slice(1), given, io.cwd);
  const { bytes } = await buildRuleSetApart(request, null, () => {});
  const asked = askedBenchRequests().map((named) => named.asked);
  return ruleCosts(bytes, asked, rule)[0]?.fuel ?? 0;
}

function ruleText(print: Printer, rule: ExplainedRule, fuel: number | null): string {
  const lines = [
    `rule ${rule.id}  phase ${rule.phase}  ${rule.action}`,
    `  at        ${rule.place}`,
    `  message   ${printable(rule.message)}`,
    `  tags      ${printable(rule.tags.join(', '))}`,
  ];
  if (fuel !== null) lines.push(`  cost      ${thousands(fuel)} units of fuel a request`);
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
