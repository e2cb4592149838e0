/**
 * Collections that outlive a request (`initcol:ip=…`, `setsid`, `expirevar`): nothing keeps them here.
 *
 * Rules that open one and rules that write into it are harmless while no rule that can run reads it; of
 * the Core Rule Set that holds once gates are folded. Where one is read, a rule would count for ever to
 * one, and look as if it protected something: it is refused.
 */
import type { FinishedRule, OpenedCollection } from './rule-finish.ts';
import type { Macro, Rule } from './rule-set.ts';
import type { RefusedPart } from './target-list.ts';

/** What they hold is lost with the request. */
const persistent: ReadonlySet<string> = new Set(['ip', 'global', 'session', 'user', 'resource']);
const idOf: Readonly<Record<string, string>> = { SESSIONID: 'session', USERID: 'user' };

export function collectionsRead(rules: readonly Rule[]): ReadonlySet<string> {
  const read = new Set<string>();
  const see = (variable: string): void => {
    read.add(idOf[variable] ?? variable.toLowerCase());
  };
  const seeMacro = (macro: Macro): void => {
    for (const piece of macro) if (piece.kind === 'variable') see(piece.variable);
  };
  for (const rule of rules) {
    for (const macro of [rule.message, rule.logData, ...rule.tags]) seeMacro(macro);
    if (rule.disruption.kind === 'redirect') seeMacro(rule.disruption.location);
    for (const link of rule.links) {
      for (const target of link.targets) see(target.variable);
      seeMacro(link.operator.argument);
      for (const { name, value } of link.setVariables) {
        seeMacro(name);
        seeMacro(value);
      }
    }
  }
  return read;
}

export function persistenceRefusals(
  finished: FinishedRule,
  read: ReadonlySet<string>,
): readonly RefusedPart[] {
  return finished.opened
    .filter(({ collection }) => persistent.has(collection) && read.has(collection))
    .map(({ collection, position }: OpenedCollection) => ({
      position,
      reason: `the collection ${collection} does not outlive a request here, and rules read it`,
      fix: 'count clients with rates of the configuration, and remove these rules',
    }));
}
