/**
 * Reads what a rule looks at: `ARGS|!ARGS:q|&REQUEST_HEADERS:Host|TX:/^x_/|XML://@*`.
 *
 * A selector in slashes is a pattern, and goes on to the slash before the next bar; one in `'` is taken
 * as it stands, so that it can hold bars and commas. Of XPath only "all text" and "all attributes"
 * exist, which is what the Core Rule Set asks for.
 */
import { nearestName } from '#core/nearest-name.ts';
import { languageLimits } from './limits.ts';
import { variableOf } from './macro.ts';
import { RuleError } from './problem.ts';
import type { Position, Selector, Target } from './rule-set.ts';
import { collections, variableRefusal } from './variable-kinds.ts';
import { type VariableName, variableNames } from './variables.ts';

/** A target that ModSecurity knows and Weir does not: the rule is refused if it would run. */
export type RefusedPart = {
  readonly position: Position;
  readonly reason: string;
  readonly fix: string;
};

export type ParsedTargets = {
  readonly targets: readonly Target[];
  readonly refused: readonly RefusedPart[];
};

export type TextAt = { readonly text: string; positionAt(offset: number): Position };

export function parseTargets(word: TextAt): ParsedTargets {
  const reader = new TargetReader(word);
  const targets: Target[] = [];
  const refused: RefusedPart[] = [];
  for (let read = reader.next(); read !== null; read = reader.next()) {
    if ('reason' in read) refused.push(read);
    else targets.push(read);
    if (targets.length > languageLimits.targetsMax) {
      throw new RuleError(
        word.positionAt(0),
        `a rule has at most ${languageLimits.targetsMax} targets`,
        'split the rule',
      );
    }
  }
  if (targets.length + refused.length === 0) {
    throw new RuleError(word.positionAt(0), 'the rule has no target', 'name one, such as ARGS');
  }
  return { targets, refused };
}

class TargetReader {
  readonly #word: TextAt;
  readonly #text: string;
  #at = 0;

  constructor(word: TextAt) {
    this.#word = word;
    this.#text = word.text;
  }

  next(): Target | RefusedPart | null {
    while (this.#at < this.#text.length && ' \t|,'.includes(this.#text[this.#at] ?? '')) this.#at++;
    if (this.#at >= this.#text.length) return null;
    const start = this.#at;
    const position = this.#word.positionAt(start);
    const sign = this.#text[this.#at];
    if (sign === '!' || sign === '&') this.#at++;
    const nameStart = this.#at;
    while (/[A-Za-z0-9_]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const name = this.#text.slice(nameStart, this.#at);
    const variable = variableOf(name);
    // `ip.counter`, as macros write it.
    const hasSelector = this.#text[this.#at] === ':' || this.#text[this.#at] === '.';
    if (hasSelector) this.#at++;
    const selectorStart = this.#at;
    const selector: Selector = hasSelector ? this.#selector(variable) : { kind: 'all' };
    if (variable === null) return this.#unknown(name, position);
    if (hasSelector) this.#checkSelector(variable, selector, selectorStart);
    else if (variable === 'RULE') {
      throw new RuleError(position, 'RULE needs a name', 'write RULE:id');
    }
    this.#checkEnd();
    return { variable, selector, isCount: sign === '&', isExcluded: sign === '!', position };
  }

  #selector(variable: VariableName | null): Selector {
    const first = this.#text[this.#at];
    if (variable === 'XML') return this.#path();
    if (first === "'") {
      const text = this.#quoted();
      return patternOf(text) ?? { kind: 'name', name: text.toLowerCase() };
    }
    if (first === '/') return { kind: 'regex', source: this.#pattern() };
    const start = this.#at;
    while (this.#at < this.#text.length && !' \t|,'.includes(this.#text[this.#at] ?? ''))
      this.#at++;
    return { kind: 'name', name: this.#text.slice(start, this.#at).toLowerCase() };
  }

  #path(): Selector {
    const start = this.#at;
    const path = this.#text[start] === "'" ? this.#quoted() : this.#untilBar();
    if (path === '/*' || path === '//@*') return { kind: 'xpath', path };
    throw new RuleError(
      this.#word.positionAt(start),
      `the XPath "${path}" is not supported`,
      'write XML:/* for all text, XML://@* for all attribute values',
    );
  }

  #untilBar(): string {
    const start = this.#at;
    const bar = this.#text.indexOf('|', start);
    this.#at = bar === -1 ? this.#text.length : bar;
    return this.#text.slice(start, this.#at).trim();
  }

  #quoted(): string {
    const open = this.#at++;
    let text = '';
    while (this.#at < this.#text.length) {
      const byte = this.#text[this.#at++] ?? '';
      if (byte === "'") return text;
      const next = this.#text[this.#at] ?? '';
      if (byte === '\\' && next === "'") {
        text += next;
        this.#at++;
      } else text += byte;
    }
    throw new RuleError(
      this.#word.positionAt(open),
      "the selector that begins with ' is not closed",
      "close it with '",
    );
  }

  /** Up to the slash that ends the target; a bar inside stands for itself. */
  #pattern(): string {
    const open = this.#at++;
    for (let at = this.#at; at < this.#text.length; at++) {
      const byte = this.#text[at];
      if (byte === '\\') at++;
      else if (
        byte === '/' &&
        (at + 1 === this.#text.length || ' \t|,'.includes(this.#text[at + 1] ?? ''))
      ) {
        const source = this.#text.slice(this.#at, at);
        this.#at = at + 1;
        return source;
      }
    }
    throw new RuleError(
      this.#word.positionAt(open),
      'the pattern that begins with / is not closed',
      "close it with /, or put the selector into quotes: ARGS:'/…/'",
    );
  }

  #checkSelector(variable: VariableName, selector: Selector, at: number): void {
    const position = this.#word.positionAt(at);
    if (!collections.has(variable)) {
      throw new RuleError(
        position,
        `${variable} holds one value and takes no selector`,
        `write ${variable} alone`,
      );
    }
    if (selector.kind === 'name' && selector.name === '') {
      throw new RuleError(position, 'the selector is empty', `write ${variable} alone, or a name`);
    }
    if (selector.kind === 'name' && selector.name.includes('%{')) {
      throw new RuleError(
        position,
        'a selector is fixed: macros are not expanded in it',
        'select by pattern, or compare MATCHED_VAR_NAME in a chained rule',
      );
    }
  }

  #checkEnd(): void {
    const byte = this.#text[this.#at];
    if (byte === undefined || ' \t|,'.includes(byte)) return;
    throw new RuleError(
      this.#word.positionAt(this.#at),
      `expecting the next target, got "${this.#text.slice(this.#at, this.#at + 20)}"`,
      "part targets by |, and put a selector with special bytes into '…'",
    );
  }

  #unknown(name: string, position: Position): RefusedPart {
    const refusal = variableRefusal(name.toUpperCase());
    if (refusal !== null) {
      return { position, reason: `${name.toUpperCase()}: ${refusal.reason}`, fix: refusal.fix };
    }
    const near = nearestName(name.toUpperCase(), variableNames);
    throw new RuleError(
      position,
      name === '' ? 'expecting the name of a variable' : `there is no variable ${name}`,
      near === null ? 'docs/reference/operators.md lists them' : `did you mean ${near}?`,
    );
  }
}

function patternOf(text: string): Selector | null {
  if (text.length < 3 || !text.startsWith('/') || !text.endsWith('/')) return null;
  return { kind: 'regex', source: text.slice(1, -1) };
}
