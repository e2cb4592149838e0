/**
 * What rules of phases 3 to 5 look at of the request. What none of them looks at is not taken apart again for the answer,
 * and does not wait for it: most rule sets want the score and nothing else. And whether any rule asks for the time.
 */
import type { Link, Macro, Rule } from '#waf/language/rule-set.ts';
import type { VariableName } from '#waf/language/variables.ts';

export type RuleNeeds = {
  /** Phases 3 to 5: the request's head. */
  readonly head: boolean;
  /** Phases 3 to 5: TX variables whose names the request made. */
  readonly madeNames: boolean;
  /** Any phase. */
  readonly time: boolean;
};

export const firstResponsePhase = 3;

/** Neither the head of the request nor anything that is made of it. */
const ofTheAnswer: ReadonlySet<VariableName> = new Set<VariableName>([
  'HIGHEST_SEVERITY',
  'MATCHED_VAR',
  'MATCHED_VARS',
  'MATCHED_VARS_NAMES',
  'MATCHED_VAR_NAME',
  'OUTBOUND_DATA_ERROR',
  'RESPONSE_BODY',
  'RESPONSE_CONTENT_LENGTH',
  'RESPONSE_CONTENT_TYPE',
  'RESPONSE_HEADERS',
  'RESPONSE_HEADERS_NAMES',
  'RESPONSE_PROTOCOL',
  'RESPONSE_STATUS',
  'STATUS_LINE',
  'TX',
  'UNIQUE_ID',
]);

export function needsOf(rules: readonly Rule[]): RuleNeeds {
  const later = rules.filter(({ phase }) => phase >= firstResponsePhase);
  return {
    head: later.some((rule) => namesAny(rule, (variable) => !ofTheAnswer.has(variable))),
    madeNames: later.some(looksAtMadeNames),
    time: rules.some((rule) => namesAny(rule, (variable) => /^TIME(?:_|$)/.test(variable))),
  };
}

/** As a target or in a text. */
function namesAny(rule: Rule, isOne: (variable: VariableName) => boolean): boolean {
  return (
    rule.links.some(({ targets }) => targets.some(({ variable }) => isOne(variable))) ||
    macrosOf(rule).some((macro) =>
      macro.some((piece) => piece.kind !== 'text' && isOne(piece.variable)),
    )
  );
}

/** By an expression or all of them, or by a name that is put together. */
function looksAtMadeNames(rule: Rule): boolean {
  return (
    rule.links.some(
      ({ targets, setVariables }) =>
        targets.some(({ variable, selector }) => variable === 'TX' && selector.kind !== 'name') ||
        setVariables.some(({ name }) => hasReferences(name)),
    ) ||
    macrosOf(rule).some((macro) =>
      macro.some(
        (piece) => piece.kind !== 'text' && piece.variable === 'TX' && piece.name === null,
      ),
    )
  );
}

const hasReferences = (macro: Macro): boolean => macro.some(({ kind }) => kind !== 'text');

function macrosOf({ links, message, logData, tags, disruption }: Rule): readonly Macro[] {
  return [
    message,
    logData,
    ...tags,
    ...(disruption.kind === 'redirect' ? [disruption.location] : []),
    ...links.flatMap(macrosOfLink),
  ];
}

const macrosOfLink = ({ operator, setVariables }: Link): readonly Macro[] => [
  operator.argument,
  ...setVariables.flatMap(({ name, value }) => [name, value]),
];
