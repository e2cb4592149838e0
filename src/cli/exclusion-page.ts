/** What an exclusion leaves out, in words. */
import type { ExclusionAnswer, ExclusionTried } from '#admin/exclusion-control.ts';
import { formatTime } from '#cli/duration.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';
import type { ProposedExclusion } from '#events/exclusion-proposal.ts';

export function exclusionPage(print: Printer, answer: ExclusionAnswer): string {
  const { exclusions, wider, tried, ids, live, expiresAt } = answer;
  const lines = exclusions.map((one, index) => {
    const id = ids[index];
    return `${id === undefined ? '' : `${print.paint('bold', id)}  `}${printable(exclusionWords(one))}`;
  });
  for (const line of wider)
    lines.push(print.paint('yellow', `wider than the request: ${printable(line)}`));
  for (const one of tried) lines.push(printable(triedWords(one)));
  const end = expiresAt === null ? 'until it is removed' : `until ${formatTime(expiresAt)}`;
  lines.push(
    live === null
      ? 'nothing was changed; the same with --yes makes it live'
      : `live in ${counted(live.workers, 'worker')}, generation ${live.generation}, ${end}; weir exclude remove ${ids.join(' ')} takes it back`,
  );
  return lines.join('\n');
}

export function exclusionWords({
  ruleSet,
  host,
  path,
  exact,
  parameters,
  rules,
}: ProposedExclusion): string {
  const what = `${rules.length === 1 ? 'rule' : 'rules'} ${rules.map((id) => `${ruleSet}/${id}`).join(', ')}`;
  const paths =
    path === null ? 'on every path' : exact ? `on ${path}` : `on paths that begin with ${path}`;
  const where = host === undefined ? paths : `${paths} of ${host}`;
  const isOne = rules.length === 1;
  return parameters.length === 0
    ? `${what} no longer ${isOne ? 'runs' : 'run'} ${where}`
    : `${what} no longer ${isOne ? 'looks' : 'look'} at ${parameters.join(', ')} ${where}`;
}

function triedWords({ ruleSet, on, outcome, stillStoppedBy }: ExclusionTried): string {
  const source =
    on === 'recording' ? 'the recorded request' : 'what the event shows of the request';
  if (outcome === 'not-reproduced')
    return `tried on ${source}: it does not make these rules of ${ruleSet} match, so that nothing is known`;
  return stillStoppedBy === null
    ? `tried on ${source}: it passes ${ruleSet} now`
    : `tried on ${source}: these rules say nothing more, and ${stillStoppedBy} stops it all the same`;
}
