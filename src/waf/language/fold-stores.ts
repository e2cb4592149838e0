/**
 * What nobody reads need not be set: writes to TX variables without a reader go, then rules that do
 * nothing any more. A store that goes may have been the last reader of another, so this repeats.
 */
import { literalName } from './fold-state.ts';
import { collectionsRead } from './persistence.ts';
import type { Link, Macro, Marker, Rule } from './rule-set.ts';

export type FoldedRule = { readonly rule: Rule; readonly reason: string };
export type FoldResult = {
  readonly items: readonly (Rule | Marker)[];
  readonly folded: readonly FoldedRule[];
};

export function withoutDeadStores(items: readonly (Rule | Marker)[]): FoldResult {
  const folded: FoldedRule[] = [];
  let left = items;
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    const readers = new Readers(left.filter((item) => item.kind === 'rule'));
    const next: (Rule | Marker)[] = [];
    for (const [index, item] of left.entries()) {
      const rule = item.kind === 'rule' ? withoutUnread(item, readers) : item;
      isChanged ||= rule !== item;
      const reason = rule.kind === 'rule' ? whyIdle(rule, left, index) : null;
      if (rule.kind === 'rule' && reason !== null) {
        isChanged = true;
        folded.push({ rule, reason });
      } else next.push(rule);
    }
    left = next;
  }
  return { items: left, folded };
}

/** What a link changes when it matches. */
export function hasEffects(link: Link): boolean {
  return link.setVariables.length > 0 || link.controls.length > 0 || link.isCapturing;
}

/** Nobody hears of a match. */
export function isQuiet(rule: Rule): boolean {
  return !rule.isLogged && !rule.isAudited && rule.disruption.kind === 'pass';
}

/** Why a rule goes that says nothing and ends in nothing. */
export const idle =
  'nothing tells whether it matched: what it sets is written where it is read, or read nowhere';

/** Null for a rule whose match can be seen. */
function whyIdle(rule: Rule, items: readonly (Rule | Marker)[], index: number): string | null {
  if (!isQuiet(rule) || rule.links.some(hasEffects)) return null;
  if (rule.skipAfter === null) return idle;
  for (const item of items.slice(index + 1)) {
    if (item.kind === 'marker' && item.name === rule.skipAfter)
      return 'nothing is left to leap over';
    if (item.kind === 'rule' && item.phase === rule.phase) return null;
  }
  return null;
}

function withoutUnread(rule: Rule, readers: Readers): Rule {
  const isDead = (change: Link['setVariables'][number]): boolean => {
    if (change.collection !== 'tx') return !readers.collections.has(change.collection);
    const name = literalName(change.name);
    return name !== null && !readers.read(name);
  };
  if (!rule.links.some((link) => link.setVariables.some(isDead))) return rule;
  return {
    ...rule,
    links: rule.links.map((link) => ({
      ...link,
      setVariables: link.setVariables.filter((change) => !isDead(change)),
    })),
  };
}

/** Names of TX variables that any rule looks at. */
class Readers {
  /** Others than TX. */
  readonly collections: ReadonlySet<string>;
  readonly #names = new Set<string>();
  readonly #patterns: RegExp[] = [];
  #isEverythingRead = false;

  constructor(rules: readonly Rule[]) {
    this.collections = collectionsRead(rules);
    for (const rule of rules) {
      for (const macro of [rule.message, rule.logData, ...rule.tags]) this.#macro(macro);
      if (rule.disruption.kind === 'redirect') this.#macro(rule.disruption.location);
      for (const link of rule.links) this.#link(link);
    }
  }

  read(name: string): boolean {
    if (this.#isEverythingRead || this.#names.has(name)) return true;
    return this.#patterns.some((pattern) => pattern.test(name));
  }

  #link(link: Link): void {
    this.#macro(link.operator.argument);
    for (const { variable, selector } of link.targets) {
      if (variable !== 'TX') continue;
      if (selector.kind === 'name') this.#names.add(selector.name);
      else if (selector.kind === 'regex') this.#pattern(selector.source);
      else this.#isEverythingRead = true;
    }
    for (const change of link.setVariables) {
      this.#macro(change.name);
      this.#macro(change.value);
    }
  }

  #macro(macro: Macro): void {
    for (const piece of macro) {
      if (piece.kind === 'variable' && piece.variable === 'TX' && piece.name !== null) {
        this.#names.add(piece.name);
      }
    }
  }

  /** Plain ones are tried; whatever else a pattern may hold, it is taken to read everything. */
  #pattern(source: string): void {
    if (/^\^?[\w-]*(?:[\w-]\*|\.\*)?\$?$/.test(source))
      this.#patterns.push(new RegExp(source, 'i'));
    else this.#isEverythingRead = true;
  }
}
