/** Which events are meant: the options of `weir events tail` and `weir events stats`. */
import type { CommandOption } from '#cli/command.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';

export const eventOptions: readonly CommandOption[] = [
  {
    name: 'kind',
    kind: 'text',
    value: 'KIND',
    summary: 'blocked, challenged, limited, monitored, refused, or that of another part',
  },
  { name: 'route', kind: 'text', value: 'ROUTE', summary: 'as events name it: "HOST PATH"' },
  { name: 'rule', kind: 'text', value: 'RULE', summary: 'NAME/ID, or the ID alone' },
  { name: 'address', kind: 'text', value: 'ADDRESS', summary: 'of the client' },
];

export function eventQueryOf(
  given: ParsedArguments,
  further: Readonly<Record<string, string>>,
): string {
  const query = new URLSearchParams(further);
  for (const name of ['kind', 'route', 'rule', 'address']) {
    const value = given.text(name);
    if (value !== null) query.set(name, value);
  }
  return query.size === 0 ? '' : `?${query}`;
}
