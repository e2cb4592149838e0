/**
 * What rules of phases 3 to 5 look at of the request. What none of them looks at is not taken apart again for the answer,
 * and does not wait for it: most rule sets want the score and nothing else.
 */
import type { Link, Macro, Rule } from '#waf/language/rule-set.ts';
import type { VariableName } from '#waf/language/variables.ts';

export type ResponseNeeds = {
  /** The request's head. */
  readonly head: boolean;
  /** TX variables whose names the request made. */
  readonly madeNames: boolean;
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

export function responseNeeds(rules: readonly Rule[]): ResponseNeeds {
  const later = rules.filter(({ phase }) => phase >= firstResponsePhase);
  return { head: later.some(looksAtHead), madeNames: later.some(looksAtMadeNames) };
}

function looksAtHead(rule: Rule): boolean {
  return (
    rule.links.some(({ targets }) => targets.some((one) => !ofTheAnswer.has(one.variable))) ||
    macrosOf(rule).some((macro) =>
      macro.some((piece) => piece.kind !== 'text' && !ofTheAnswer.has(piece.variable)),
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
