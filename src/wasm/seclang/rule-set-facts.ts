/**
 * What the host has to know of a rule set: how each rule is called in logs, and which parts of a message rules look at.
 * It travels in the module, written by the build and read when the module is loaded.
 */
import type { EngineSettings, Phase, Rule } from '#waf/language/rule-set.ts';
import { thresholdNames } from '#waf/language/threshold-names.ts';
import { plainText } from '#waf/rules/rule-index.ts';
import { rulePoints } from './rule-points.ts';

export type Threshold = keyof typeof thresholdNames;

export type RuleFact = {
  readonly id: number;
  readonly phase: Phase;
  readonly file: string;
  readonly line: number;
  /** As it is written; a match brings its own, put together. */
  readonly message: string;
  readonly hasLogData: boolean;
  readonly severity: number | null;
  readonly version: string;
  readonly revision: string;
  readonly tags: readonly string[];
  /** By link: what is said of a match, `Pattern match "…"`. */
  readonly operators: readonly string[];
  readonly isLogged: boolean;
  /** What a match adds to the score; null where it says none. */
  readonly points: number | null;
};

export type RuleSetFacts = {
  readonly format: 1;
  /** Which of its thresholds a route may set: those that its rules name. */
  readonly thresholds: readonly Threshold[];
  readonly rules: readonly RuleFact[];
  readonly settings: Pick<
    EngineSettings,
    | 'ruleEngine'
    | 'requestBodyAccess'
    | 'responseBodyAccess'
    | 'responseBodyMimeTypes'
    | 'componentSignatures'
  >;
};

/** Longer patterns are cut in logs, as ModSecurity does. */
const operatorTextMax = 252;

export function ruleSetFacts(rules: readonly Rule[], settings: EngineSettings): RuleSetFacts {
  const {
    ruleEngine,
    requestBodyAccess,
    responseBodyAccess,
    responseBodyMimeTypes,
    componentSignatures,
  } = settings;
  const points = rulePoints(rules);
  return {
    format: 1,
    thresholds: thresholdsOf(rules),
    rules: rules.map((rule, index) => ruleFact(rule, points[index] ?? null)),
    settings: {
      ruleEngine,
      requestBodyAccess,
      responseBodyAccess,
      responseBodyMimeTypes,
      componentSignatures,
    },
  };
}

function thresholdsOf(rules: readonly Rule[]): readonly Threshold[] {
  const text = JSON.stringify(rules).toLowerCase();
  return (['inbound', 'outbound'] as const).filter((which) => text.includes(thresholdNames[which]));
}

function ruleFact(rule: Rule, points: number | null): RuleFact {
  return {
    id: rule.id,
    phase: rule.phase,
    file: rule.position.file,
    line: rule.position.line,
    message: plainText(rule.message),
    hasLogData: rule.logData.length > 0,
    severity: rule.severity,
    version: rule.version,
    revision: rule.revision,
    tags: rule.tags.map(plainText),
    operators: rule.links.map(({ operator, targets }) =>
      targets.length === 0
        ? 'Unconditional match in SecAction.'
        : `Matched "${operator.isNegated ? '!' : ''}@${operator.name} ${plainText(operator.argument).slice(0, operatorTextMax)}"`,
    ),
    isLogged: rule.isLogged,
    points,
  };
}

/** Null where the text is not what `ruleSetFacts` writes. */
export function parseFacts(text: string): RuleSetFacts | null {
  try {
    const facts: unknown = JSON.parse(text);
    return isFacts(facts) ? facts : null;
  } catch {
    return null;
  }
}

function isFacts(value: unknown): value is RuleSetFacts {
  if (typeof value !== 'object' || value === null) return false;
  const { format, rules, settings, thresholds } = value as Partial<RuleSetFacts>;
  return (
    format === 1 &&
    Array.isArray(rules) &&
    Array.isArray(thresholds) &&
    rules.every(isRuleFact) &&
    typeof settings === 'object' &&
    settings !== null &&
    Array.isArray(settings.responseBodyMimeTypes)
  );
}

function isRuleFact(value: unknown): value is RuleFact {
  if (typeof value !== 'object' || value === null) return false;
  const { id, message, tags, operators, file } = value as Partial<RuleFact>;
  return (
    typeof id === 'number' &&
    typeof message === 'string' &&
    typeof file === 'string' &&
    Array.isArray(tags) &&
    Array.isArray(operators)
  );
}
