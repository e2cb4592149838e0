/** The reference page of SecLang: what rules may name, what of it Weir alone has, and what is refused or without effect. */

import { controlNames, refusedControls } from './control.ts';
import { surroundingReasons } from './engine-settings.ts';
import { directiveNames, refusedDirectives } from './load.ts';
import { operatorOf, refusedOperators } from './operator.ts';
import { type OperatorName, operatorNames } from './operator-names.ts';
import { type TransformationName, transformationNames } from './transformation-names.ts';
import { unfilledVariables } from './unfilled.ts';
import { actionNames, refusedActions } from './unsupported-actions.ts';
import { type Refusal, refusedVariables } from './variable-kinds.ts';
import { variableNames } from './variables.ts';

const ownOperators = {
  detectCommand:
    'The value makes a shell run a command: read as sh, bash, cmd and PowerShell do, without quotes, carets, empty expansions and wildcards. `@detectCommand strict` also takes the name of a program alone.',
  detectLookup:
    'The value holds a lookup of Log4j or Commons Text that fetches or runs (`jndi:` in a dollar and braces), after the lookups inside it are resolved.',
  detectSsrf:
    'The value is an address of this machine, its network or its cloud in any spelling, or has a scheme that reaches more than web servers.',
  detectTemplate:
    'The value holds an expression of a template engine that computes something or reaches for objects. A variable in braces is none.',
  graphqlAliases: 'The value is a GraphQL query with more aliases than the number.',
  graphqlCost:
    'The value is a GraphQL query that may cost more than the number: each field once, times the `first`, `last`, `limit`, `size` and `count` of those around it.',
  graphqlDepth:
    'The value is a GraphQL query that goes deeper than the number, with fragments where they are spread. A cycle of fragments is deeper than any.',
  graphqlFields: 'The value is a GraphQL query with more fields than the number.',
} as const satisfies Partial<Readonly<Record<OperatorName, string>>>;

const ownTransformations = {
  decodeAll:
    'Undoes percent encoding (`%uHHHH` too), references of HTML, `\\xHH`, `\\uHHHH` and octal escapes, overlong UTF-8 and base64 that says text, until nothing changes; eight layers at most.',
  foldLookAlikes:
    'Letters that look like ASCII become ASCII in lower case; characters without width go; white space is one blank.',
} as const satisfies Partial<Readonly<Record<TransformationName, string>>>;

export function operatorsPage(): string {
  const common = <Name extends string>(names: readonly Name[], own: object, mark: string): string =>
    names
      .filter((name) => !Object.hasOwn(own, name))
      .map((name) => `\`${mark}${name}\``)
      .join(', ');
  const rows = (own: Readonly<Record<string, string>>, mark: string): readonly string[] =>
    Object.entries(own).map(([name, text]) => `| \`${mark}${name}\` | ${text} |`);
  const known = operatorNames.filter((name) => operatorOf(name) !== null);
  return [
    '# SecLang: what rules may name',
    '',
    'Made by `node --run reference`; do not edit. What is not here is refused at load, with its file, line and column; `weir rules',
    'check` says it without a node.',
    '',
    '## Of Weir alone',
    '',
    'Rules of your own may use these, and `weir rules check` knows them. Neither ModSecurity nor Coraza does: a file that names one',
    'loads in Weir only.',
    '',
    '| operator | holds where |',
    '| --- | --- |',
    ...rows(ownOperators, '@'),
    '',
    '| transformation | what it does |',
    '| --- | --- |',
    ...rows(ownTransformations, 't:'),
    '',
    '```',
    `SecRule ARGS:host "@detectCommand" "id:100,phase:2,deny,t:none,t:decodeAll,msg:'a command in the name of a host'"`,
    `SecRule ARGS:json.query "@graphqlDepth 10" "id:101,phase:2,deny,t:none,msg:'a query that is too deep'"`,
    '```',
    '',
    '## As in ModSecurity',
    '',
    `Operators: ${common(known, ownOperators, '@')}.`,
    '',
    `Transformations: ${common(transformationNames, ownTransformations, 't:')}.`,
    '',
    `Variables: ${listed(variableNames.filter((name) => unfilledVariables[name] === undefined))}.`,
    '',
    'Collections take a name, `ARGS:user`, or a pattern, `ARGS:/^user/`; `&` counts, `!` takes out. `XML` takes `XML:/*` (all text)',
    'and `XML://@*` (all attribute values). `%{RULE.id}`, `msg`, `logdata`, `severity`, `rev`, `ver` and `phase` are written in.',
    '',
    `Actions: ${listed(actionNames)}.`,
    '',
    `\`ctl\`: ${listed(controlNames)}.`,
    '',
    `Directives: ${listed(directives)}.`,
    '',
    '## What is refused',
    '',
    'A rule that has one of these does not load, and none of its set does, until it is written otherwise or left out',
    '(`SecRuleRemoveById`). One that the setup decides never to run may keep it.',
    '',
    '| what | why | instead |',
    '| --- | --- | --- |',
    ...refusedRows(refusedOperators, (name) => `@${name}`),
    ...refusedRows(refusedVariables, (name) => name),
    ...refusedRows(unfilledVariables, (name) => name),
    ...refusedRows(refusedActions, (name) => name),
    ...refusedRows(refusedControls, (name) => `ctl:${name}`),
    ...refusedRows(refusedDirectives, (name) => name),
    '| look-around, back-references, atomic groups, recursion in a pattern | not regular: no automaton runs them in linear time | alternatives, classes, repetitions; a chain. Some are spelled out, and noted |',
    '',
    '## What changes nothing',
    '',
    'Read, and noted by `weir rules check` and in the log of a start.',
    '',
    '| directive | why |',
    '| --- | --- |',
    ...Object.entries(surroundingReasons).map(([name, reason]) => `| \`${name}\` | ${reason} |`),
    '| `SecRuleEngine` | the mode of a route decides: `waf: { mode: monitor }` |',
    '| `ctl:auditEngine`, `ctl:auditLogParts` | log and nolog of a rule say what is written of it |',
    '| `deny` and its like in phase 5 | the answer is decided |',
    '| `drop` | ends the request as `deny` does: its client gets an answer |',
    '',
  ].join('\n');
}

const directives = directiveNames.filter((name) => surroundingReasons[name] === undefined);

const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function refusedRows(
  refused: Readonly<Record<string, Refusal>>,
  shown: (name: string) => string,
): readonly string[] {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return Object.entries(refused).map(
    ([name, { reason, fix }]) => `| \`${shown(name)}\` | ${cell(reason)} | ${cell(fix)} |`,
  );
}
