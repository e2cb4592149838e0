/** How the command line says of rules whether they are in force. */
import type { RuleChange } from '#admin/rule-control.ts';
import { printable } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';

export function inForce({ version, count, kernel, problem }: RuleChange): string {
  const set = `${counted(count, 'rule')}, version ${version}`;
  if (count === 0) return set;
  return kernel
    ? `${set}, in force in the kernel`
    : `${set}, kept but NOT in force: ${printable(problem ?? 'the kernel does not have it')}`;
}
