/**
 * How many points each rule of a set gives, where it says so: `setvar:'tx.inbound_anomaly_score_pl1=+5'`, or the same
 * with a variable that the setup has set to a number (`%{tx.critical_anomaly_score}`). Counters of kinds of attacks beside the
 * anomaly score are not added to it. What depends on the request gives none here.
 */
import type { Rule, SetVariable } from '#waf/language/rule-set.ts';
import { plainText } from '#waf/rules/rule-index.ts';

/** In the order of the rules; null for one that gives none. */
export function rulePoints(rules: readonly Rule[]): readonly (number | null)[] {
  const numbers = setNumbers(rules);
  return rules.map((rule) => {
    const added = rule.links
      .flatMap(({ setVariables }) => setVariables)
      .filter(({ collection, change }) => collection === 'tx' && change === 'add');
    return mostOf(added, numbers, 'anomaly_score') ?? mostOf(added, numbers, 'score');
  });
}

/** What the rules set to a number, by name; the first that does is the setup. */
function setNumbers(rules: readonly Rule[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const { links } of rules)
    for (const { setVariables } of links)
      for (const { collection, change, name, value } of setVariables) {
        const key = plainText(name).toLowerCase();
        const text = plainText(value);
        if (collection === 'tx' && change === 'set' && isNumber(text) && !numbers.has(key))
          numbers.set(key, Number(text));
      }
  return numbers;
}

function mostOf(
  added: readonly SetVariable[],
  numbers: ReadonlyMap<string, number>,
  word: string,
): number | null {
  const points = added
    .filter(({ name }) => plainText(name).toLowerCase().includes(word))
    .flatMap(({ value }) => {
      const text = plainText(value);
      const variable = /^%\{tx\.([^}]+)\}$/i.exec(text)?.[1]?.toLowerCase();
      const number = variable === undefined ? null : numbers.get(variable);
      return isNumber(text)
        ? [Number(text)]
        : number === null || number === undefined
          ? []
          : [number];
    });
  return points.length === 0 ? null : Math.max(...points);
}

const isNumber = (text: string): boolean => /^[0-9]{1,6}$/.test(text);
