/**
 * Runs rules the plain way, one after the other, for the few things that folding reasons about: TX
 * variables, headers by name, markers, skips, chains, removals. The measure that folded rules are held to.
 */
import type { Control, Link, Macro, Marker, Rule } from '#waf/language/rule-set.ts';

export type RunRequest = {
  readonly headers: Readonly<Record<string, string>>;
  readonly isBlocking: boolean;
};

/** What can be seen of a run: each logged match with its message, and the verdict. */
export function runRules(items: readonly (Rule | Marker)[], request: RunRequest): string[] {
  return new Run(items, request).seen();
}

class Run {
  readonly #items: readonly (Rule | Marker)[];
  readonly #request: RunRequest;
  readonly #tx = new Map<string, string>();
  readonly #controls: Control[] = [];
  readonly #seen: string[] = [];

  constructor(items: readonly (Rule | Marker)[], request: RunRequest) {
    this.#items = items;
    this.#request = request;
  }

  seen(): string[] {
    let allowed: 'none' | 'request' | 'all' = 'none';
    for (const phase of [1, 2, 3, 4, 5] as const) {
      if (phase !== 5 && (allowed === 'all' || (allowed === 'request' && phase < 3))) continue;
      const verdict = this.#phase(phase);
      if (verdict === 'request' || verdict === 'all') allowed = verdict;
    }
    return this.#seen;
  }

  #phase(phase: number): 'all' | 'request' | null {
    let marker: string | null = null;
    let skip = 0;
    for (const item of this.#items) {
      if (item.kind === 'marker') {
        if (item.name === marker) marker = null;
        continue;
      }
      if (item.phase !== phase || marker !== null) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (this.#isRemoved(item) || !item.links.every((link) => this.#link(link))) continue;
      if (item.isLogged) this.#seen.push(`${item.id} ${this.#text(item.message)}`);
      const { disruption } = item;
      if (disruption.kind === 'allow') {
        if (disruption.scope === 'phase') return null;
        return disruption.scope;
      }
      if (disruption.kind === 'deny' && this.#request.isBlocking) {
        this.#seen.push(`denied by ${item.id}`);
        return 'all';
      }
      if (item.skipAfter !== null) marker = item.skipAfter;
      skip = item.skip;
    }
    return null;
  }

  #link(link: Link): boolean {
    let isMatched = link.targets.length === 0;
    const argument = this.#text(link.operator.argument);
    for (const { variable, selector, isCount } of link.targets) {
      const name = selector.kind === 'name' ? selector.name : '';
      const value = variable === 'TX' ? this.#tx.get(name) : this.#request.headers[name];
      const tested = isCount ? (value === undefined ? '0' : '1') : value;
      if (tested === undefined) continue;
      if (compare(link.operator.name, tested, argument) !== link.operator.isNegated) {
        isMatched = true;
        this.#effects(link);
      }
    }
    if (link.targets.length === 0) this.#effects(link);
    return isMatched;
  }

  #effects(link: Link): void {
    this.#controls.push(...link.controls);
    for (const { name, change, value } of link.setVariables) {
      const key = this.#text(name);
      const text = this.#text(value);
      const before = Number(this.#tx.get(key) ?? 0) || 0;
      if (change === 'unset') this.#tx.delete(key);
      else if (change === 'set') this.#tx.set(key, text);
      else this.#tx.set(key, String(before + (change === 'add' ? 1 : -1) * (Number(text) || 0)));
    }
  }

  #isRemoved(rule: Rule): boolean {
    return this.#controls.some((control) => {
      if (control.kind === 'ruleRemoveById')
        return rule.id >= control.from && rule.id <= control.to;
      if (control.kind !== 'ruleRemoveByTag') return false;
      return rule.tags.some((tag) => this.#text(tag).includes(control.pattern));
    });
  }

  #text(macro: Macro): string {
    return macro
      .map((piece) => {
        if (piece.kind === 'text') return piece.text;
        return this.#tx.get(piece.name ?? '') ?? '';
      })
      .join('');
  }
}

function compare(name: string, value: string, argument: string): boolean {
  const left = Number(value) || 0;
  const right = Number(argument) || 0;
  if (name === 'eq') return left === right;
  if (name === 'ge') return left >= right;
  if (name === 'lt') return left < right;
  if (name === 'streq') return value === argument;
  return name === 'unconditionalMatch';
}
