/** What one rule has become: its links as they run, the automata behind them, and what they cost in bytes. */
import { loadRules } from '#waf/language/load.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import type { Link, Rule, Target } from '#waf/language/rule-set.ts';
import { scanMember } from '#waf/rules/build-image.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import { staticText } from '#waf/rules/link-writer.ts';
import { plainText } from '#waf/rules/rule-index.ts';
import { sourcesFor } from './build-rule-set.ts';
import type { RuleSetRequest } from './rule-set-request.ts';

export type ExplainedLink = {
  readonly targets: readonly string[];
  readonly operator: string;
  readonly transformations: readonly string[];
  /** How the link finds its values. */
  readonly way: string;
  readonly automaton: string | null;
  readonly changes: readonly string[];
};

export type ExplainedRule = {
  readonly id: number;
  readonly place: string;
  readonly phase: number;
  readonly action: string;
  readonly message: string;
  readonly severity: number | null;
  readonly tags: readonly string[];
  readonly links: readonly ExplainedLink[];
};

/** What became of a rule that does not run; null where there is none of that identifier. */
export type Explanation =
  | { readonly kind: 'rule'; readonly rule: ExplainedRule }
  | {
      readonly kind: 'gone';
      readonly fate: string;
      readonly reason: string;
      readonly place: string;
    }
  | { readonly kind: 'unknown' };

export function explainRule(request: RuleSetRequest, id: number): Explanation {
  const { ruleSet } = loadRules(sourcesFor(request, diskReader));
  const rule = ruleSet.rules.find(
    (entry): entry is Rule => entry.kind === 'rule' && entry.id === id,
  );
  if (rule !== undefined) return { kind: 'rule', rule: explained(rule) };
  const disposition = ruleSet.dispositions.find((one) => one.id === id);
  if (disposition === undefined) return { kind: 'unknown' };
  const { fate, reason, position } = disposition;
  return { kind: 'gone', fate, reason, place: `${position.file}:${position.line}` };
}

function explained(rule: Rule): ExplainedRule {
  const matchers = new CompiledMatchers();
  const { disruption } = rule;
  return {
    id: rule.id,
    place: `${rule.position.file}:${rule.position.line}`,
    phase: rule.phase,
    action: 'status' in disruption ? `${disruption.kind}, ${disruption.status}` : disruption.kind,
    message: plainText(rule.message),
    severity: rule.severity,
    tags: rule.tags.map(plainText),
    links: rule.links.map((link, index) =>
      explainedLink(link, index === 0 && rule.phase < 5, matchers),
    ),
  };
}

function explainedLink(link: Link, isFirst: boolean, matchers: CompiledMatchers): ExplainedLink {
  const { operator, targets, transformations, setVariables, controls } = link;
  const isScanned = isFirst && scanMember(link) !== null;
  return {
    targets: targets.map(targetText),
    operator:
      `${operator.isNegated ? '!' : ''}@${operator.name} ${plainText(operator.argument)}`.trim(),
    transformations,
    way:
      targets.length === 0
        ? 'always matches'
        : isScanned
          ? 'the scan of all values lists candidates; they alone are compared'
          : 'compared with each of its values',
    automaton: automatonText(link, matchers),
    changes: [
      ...setVariables.map(
        ({ name, change, value }) => `${change} tx.${plainText(name)} ${plainText(value)}`,
      ),
      ...controls.map((control) => `ctl ${JSON.stringify(control)}`),
    ],
  };
}

function automatonText({ operator }: Link, matchers: CompiledMatchers): string | null {
  if (operator.name === 'pm' || operator.name === 'pmFromFile') {
    const phrases = operator.entries ?? [];
    return `${phrases.length} phrases, ${matchers.phraseSet(phrases).length} bytes`;
  }
  const source = operator.name === 'rx' ? staticText(operator.argument) : null;
  if (source === null) return null;
  const compiled = matchers.pattern(source);
  if ('problem' in compiled) return compiled.problem;
  const { kind, stateCount, bytes } = compiled;
  const states = stateCount === 0 ? '' : `, ${stateCount} states`;
  return `${kind === 'lazy' ? 'lazy automaton, its states are made as they are needed' : kind}${states}, ${bytes.length} bytes`;
}

function targetText({ variable, selector, isCount, isExcluded }: Target): string {
  const chosen =
    selector.kind === 'all'
      ? ''
      : selector.kind === 'name'
        ? `:${selector.name}`
        : selector.kind === 'regex'
          ? `:/${selector.source}/`
          : `:${selector.path}`;
  return `${isExcluded ? '!' : ''}${isCount ? '&' : ''}${variable}${chosen}`;
}
