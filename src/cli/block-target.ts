/**
 * What the commands of the block list have in common: the ADDR|CIDR argument, where a slip is a usage error before a
 * node is asked (which has the last word), and the options of those that put something on it.
 */
import { usageError } from '#cli/cli-error.ts';
import type { CommandOption } from '#cli/command.ts';
import { parseDuration } from '#cli/duration.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { parseCidr } from '#core/ip.ts';

export function blockTarget(text: string): string {
  if (parseCidr(text) === null) {
    throw usageError(
      `"${text}" is no address and no CIDR range`,
      'for example 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32',
    );
  }
  return text;
}

/** `what` is put on the list: one, or several. */
export function blockOptions(what: 'it' | 'them'): readonly CommandOption[] {
  const ends = what === 'it' ? 'until it is removed' : 'until they are removed';
  return [
    {
      name: 'ttl',
      kind: 'text',
      value: 'TIME',
      summary: `for how long: 30s, 15m, 1h, 7d; else ${ends}`,
    },
    { name: 'monitor', kind: 'flag', summary: `let ${what} in, and count and log what comes` },
    { name: 'reason', kind: 'text', value: 'TEXT', summary: 'why, for whoever reads the list' },
  ];
}

/** What these options say, as the management API takes it; a time above `secondsMax` is a usage error. */
export function blockTerms(
  given: ParsedArguments,
  secondsMax: number,
): {
  readonly action: 'drop' | 'monitor';
  readonly ttlSeconds: number | null;
  readonly reason: string;
} {
  const ttl = given.text('ttl');
  const parsed = ttl === null ? null : parseDuration(ttl, secondsMax);
  if (parsed?.ok === false) throw usageError(parsed.problem);
  return {
    action: given.flag('monitor') ? 'monitor' : 'drop',
    ttlSeconds: parsed?.seconds ?? null,
    reason: given.text('reason') ?? '',
  };
}
