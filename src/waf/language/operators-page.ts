/** The reference page of operators and transformations: what Weir runs, and what of it Weir alone has. */
import { operatorOf } from './operator.ts';
import { type OperatorName, operatorNames } from './operator-names.ts';
import { type TransformationName, transformationNames } from './transformation-names.ts';

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
    '# Operators and transformations',
    '',
    'Made by `node --run reference`; do not edit. What rules in SecLang may name. What is not here is refused at load, by name and',
    'with the reason.',
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
  ].join('\n');
}
