/** The modes of a route as an engine takes them: bit sets over the rules of the set, made once and kept as long as the route. */
import type { RuleMatch } from '#waf/rule-match.ts';
import type { Mode, NamedRule, RuleModes } from '#waf/rule-modes.ts';
import type { EngineTerms } from './engine-instance.ts';
import type { RuleSetFacts } from './rule-set-facts.ts';

export type RuleTerms = EngineTerms & {
  /** As `monitored`, with the rules that only challenge; null where there are none. */
  readonly withoutChallenged: Uint8Array | null;
  readonly mode: Mode;
  /** By index in the facts; empty where every rule has `mode`. */
  readonly given: readonly Mode[];
};

/** A rule that has matched is not off. */
export function modeOf({ mode, given }: RuleTerms, rule: number): RuleMatch['mode'] {
  const found = given[rule] ?? mode;
  return found === 'off' ? 'block' : found;
}

export const namedRules = (set: string, { rules }: RuleSetFacts): readonly NamedRule[] =>
  rules.map(({ id, tags }) => ({ name: `${set}/${id}`, id, tags }));

export function ruleTerms(rules: readonly NamedRule[], modes: RuleModes): RuleTerms {
  const { inboundThreshold, outboundThreshold } = modes;
  const given = modes.hasRows ? rules.map((rule) => modes.of(rule)) : [];
  const challenged = modes.mode === 'block' ? bitsOf(given, ['monitor', 'challenge']) : null;
  return {
    off: bitsOf(given, ['off']),
    monitored: modes.mode === 'monitor' ? null : bitsOf(given, ['monitor']),
    withoutChallenged: given.includes('challenge') ? challenged : null,
    inboundThreshold,
    outboundThreshold,
    mode: modes.mode,
    given,
  };
}

/** In whole words of 64 bits; null where no rule has one of the modes. */
function bitsOf(given: readonly Mode[], modes: readonly Mode[]): Uint8Array | null {
  if (!given.some((mode) => modes.includes(mode))) return null;
  const bits = new Uint8Array(Math.ceil(given.length / 64) * 8);
  for (const [index, mode] of given.entries())
    if (modes.includes(mode)) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return bits;
}
