/**
 * Variables that ModSecurity fills from storage, a country data base or its web server, and that nothing
 * fills here: a comparison with one would always see nothing, and look as if it decided something, so a
 * rule that can run and asks for one is refused. In a text of a log it is a gap, which is noted.
 */
import type { RuleProblem } from './problem.ts';
import type { Macro, Rule } from './rule-set.ts';
import type { Refusal } from './variable-kinds.ts';
import type { VariableName } from './variables.ts';

type Part = Pick<RuleProblem, 'position' | 'fix'> & { readonly reason: string };

const stored = {
  reason: 'nothing is kept between requests',
  fix: 'count clients with rates of the configuration, and remove this rule',
};

/** By name. */
export const unfilledVariables: Partial<Record<VariableName, Refusal>> = {
  ENV: {
    reason: 'there is no web server whose environment it would be',
    fix: 'keep values of a request in TX',
  },
  GEO: {
    reason: 'countries are looked up by a module',
    fix: 'use the module builtin:geo, which blocks or marks by country',
  },
  GLOBAL: stored,
  IP: stored,
  RESOURCE: stored,
  RULE: {
    reason: 'what a rule says of itself is written in it',
    fix: 'use %{RULE.id}, %{RULE.msg} or %{RULE.severity} in a text',
  },
  SESSION: stored,
  SESSIONID: stored,
  USER: stored,
  USERID: stored,
};

/** Whether nothing ever fills it. */
const isUnfilled = (variable: VariableName): boolean => unfilledVariables[variable] !== undefined;

/** Of targets and of what targets are compared with, what is set, and where a client is sent. */
export function unfilledRefusals(rule: Rule): readonly Part[] {
  const { disruption, links, position: head } = rule;
  const sent = disruption.kind === 'redirect' ? unfilledOf(disruption.location) : [];
  return [
    ...links.flatMap(({ targets, operator, setVariables, position }) => [
      ...targets.flatMap((target) =>
        target.isExcluded ? [] : partOf(target.variable, target.variable, target.position),
      ),
      ...unfilledOf(operator.argument).flatMap(({ variable, text }) =>
        partOf(variable, text, operator.position),
      ),
      ...setVariables.flatMap(({ collection, name, value }) => [
        // What nobody reads is folded away before.
        ...(collection === 'tx' ? [] : [keeping(collection, position)]),
        ...[...unfilledOf(name), ...unfilledOf(value)].flatMap(({ variable, text }) =>
          partOf(variable, text, position),
        ),
      ]),
    ]),
    ...sent.flatMap(({ variable, text }) => partOf(variable, text, head)),
  ];
}

/** What stays empty in its texts. */
export function unfilledNotes(rule: Rule): readonly string[] {
  return [rule.message, rule.logData, ...rule.tags].flatMap((macro) =>
    unfilledOf(macro).map(
      ({ variable, text }) => `${text} stays empty: ${unfilledVariables[variable]?.reason}`,
    ),
  );
}

const keeping = (collection: string, position: Part['position']): Part => ({
  position,
  reason: `setvar:${collection}.…: ${stored.reason}, and rules read it`,
  fix: stored.fix,
});

function unfilledOf(macro: Macro): readonly { variable: VariableName; text: string }[] {
  return macro.flatMap((piece) =>
    piece.kind === 'variable' && isUnfilled(piece.variable)
      ? [
          {
            variable: piece.variable,
            text: `%{${piece.variable}${piece.name === null ? '' : `.${piece.name}`}}`,
          },
        ]
      : [],
  );
}

function partOf(variable: VariableName, text: string, position: Part['position']): readonly Part[] {
  const found = unfilledVariables[variable];
  if (found === undefined) return [];
  return [{ position, reason: `${text} is always empty: ${found.reason}`, fix: found.fix }];
}
