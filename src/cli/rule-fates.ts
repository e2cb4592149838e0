/** Tables of what became of SecLang rules: counted by file, or one a line with the reason. */
import type { Cell } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';
import type { RuleFate } from '#toolchain/rule-check.ts';

const fates = ['loaded', 'folded', 'removed', 'refused'] as const;

export function fileRows(
  dispositions: readonly RuleFate[],
  short: (file: string) => string,
): Cell[][] {
  const byFile = new Map<string, RuleFate[]>();
  for (const disposition of dispositions) {
    const list = byFile.get(disposition.position.file);
    if (list === undefined) byFile.set(disposition.position.file, [disposition]);
    else list.push(disposition);
  }
  const rows: Cell[][] = [['FILE', ...fates.map((fate) => fate.toUpperCase())]];
  for (const [file, list] of byFile) rows.push([short(file), ...counts(list)]);
  if (byFile.size > 1) rows.push(['together', ...counts(dispositions)]);
  return rows;
}

export function fateRows(
  dispositions: readonly RuleFate[],
  short: (file: string) => string,
): Cell[][] {
  return [
    ['RULE', 'FATE', 'AT', 'WHY'],
    ...dispositions.map(({ id, fate, position, reason }) => [
      id === 0 ? '-' : String(id),
      fate,
      `${short(position.file)}:${position.line}`,
      reason,
    ]),
  ];
}

function counts(list: readonly RuleFate[]): string[] {
  return fates.map((fate) => thousands(list.filter((one) => one.fate === fate).length));
}
