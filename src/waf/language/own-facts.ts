/**
 * `%{RULE.id}` and its like: what a rule says of itself is known once it is read, so it is written in.
 *
 * `RULE.msg` and `RULE.logdata` bring their own variables along, which the request then fills. What a
 * text would say of itself is left out, and so is a fact that the rule does not have.
 */
import type { Macro, MacroPiece, Rule } from './rule-set.ts';

export function withOwnFacts(rule: Rule): Rule {
  const texts = [rule.message, rule.logData, ...rule.tags];
  const isNamed = (macro: Macro): boolean =>
    macro.some((piece) => piece.kind === 'variable' && piece.variable === 'RULE');
  const used = [
    ...texts,
    ...(rule.disruption.kind === 'redirect' ? [rule.disruption.location] : []),
    ...rule.links.flatMap(({ operator, setVariables }) => [
      operator.argument,
      ...setVariables.flatMap(({ name, value }) => [name, value]),
    ]),
  ];
  if (!used.some(isNamed)) return rule;
  const plain = (macro: Macro): Macro => filled(macro, rule, false);
  const full = (macro: Macro): Macro => filled(macro, rule, true);
  const { disruption } = rule;
  return {
    ...rule,
    message: plain(rule.message),
    logData: plain(rule.logData),
    tags: rule.tags.map(plain),
    disruption:
      disruption.kind === 'redirect'
        ? { ...disruption, location: full(disruption.location) }
        : disruption,
    links: rule.links.map((link) => ({
      ...link,
      operator: { ...link.operator, argument: full(link.operator.argument) },
      setVariables: link.setVariables.map((change) => ({
        ...change,
        name: full(change.name),
        value: full(change.value),
      })),
    })),
  };
}

/** `withTexts`: those that the request fills are written in too; else they are left out. */
function filled(macro: Macro, rule: Rule, withTexts: boolean): Macro {
  const pieces: MacroPiece[] = [];
  for (const piece of macro) {
    if (piece.kind !== 'variable' || piece.variable !== 'RULE') pieces.push(piece);
    else pieces.push(...factOf(piece.name, rule, withTexts));
  }
  return pieces;
}

function factOf(name: string | null, rule: Rule, withTexts: boolean): Macro {
  switch (name) {
    case 'id':
      return literal(String(rule.id));
    case 'phase':
      return literal(String(rule.phase));
    case 'rev':
      return literal(rule.revision);
    case 'ver':
      return literal(rule.version);
    case 'severity':
      return rule.severity === null ? [] : literal(String(rule.severity));
    case 'msg':
      return withTexts ? filled(rule.message, rule, false) : [];
    case 'logdata':
      return withTexts ? filled(rule.logData, rule, false) : [];
    default:
      return [];
  }
}

const literal = (text: string): Macro => (text === '' ? [] : [{ kind: 'text', text }]);
