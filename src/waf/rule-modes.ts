/**
 * What becomes of what a rule finds on a route: `off`, `monitor`, `challenge` or `block`.
 *
 * It may be said of the route, of the entry of `waf.rules`, and in rows that name rules, tags or an entry. Of all that
 * name a rule the weakest holds: who takes a rule back somewhere has a reason that is nearer than who wants it
 * everywhere, and the order of the rows then says nothing.
 *
 * ```
 * route ─┐
 * entry ─┼─► weakest: `mode` of the entry on the route ─┐
 * rows that name the entry alone ─┘                     ├─► weakest: mode of the rule
 * rows that name rules or tags ─────────────────────────┘
 * ```
 *
 * Compiled with the snapshot; per request it is asked only for rules that matched, and rule sets make bit sets of it once.
 */
export type Mode = 'off' | 'monitor' | 'challenge' | 'block';

/** A row as the configuration has it. */
export type ModeRow = {
  readonly rules: readonly string[];
  readonly tags: readonly string[];
  readonly entry?: string | undefined;
  readonly mode: Mode;
};

/** A rule as rows may name it. */
export type NamedRule = {
  /** As logs have it: `path-traversal/dot-dot`, `crs/942100`. */
  readonly name: string;
  /** Of a SecLang rule; null for rules of other modules. */
  readonly id: number | null;
  readonly tags: readonly string[];
};

const strengths: Readonly<Record<Mode, number>> = { off: 0, monitor: 1, challenge: 2, block: 3 };

export const weaker = (one: Mode, other: Mode): Mode =>
  strengths[other] < strengths[one] ? other : one;

/** The rules of one entry on one route. */
export class RuleModes {
  /** Of every rule that no row names. */
  readonly mode: Mode;
  /** Null: as the rule set says. */
  readonly inboundThreshold: number | null;
  readonly outboundThreshold: number | null;
  readonly #rows: readonly CompiledRow[];

  constructor(
    entry: string,
    routeMode: Mode,
    entryMode: Mode,
    rows: readonly ModeRow[],
    thresholds: { readonly inbound: number | null; readonly outbound: number | null },
  ) {
    const own = rows.filter((row) => row.entry === undefined || row.entry === entry);
    this.mode = own
      .filter(namesNoRules)
      .reduce((mode, row) => weaker(mode, row.mode), weaker(routeMode, entryMode));
    this.#rows = own
      .filter((row) => !namesNoRules(row) && strengths[row.mode] < strengths[this.mode])
      .map(compileRow);
    this.inboundThreshold = thresholds.inbound;
    this.outboundThreshold = thresholds.outbound;
  }

  /** Some rule may have a mode of its own. */
  get hasRows(): boolean {
    return this.#rows.length > 0;
  }

  of(rule: NamedRule): Mode {
    let mode = this.mode;
    for (const row of this.#rows) if (names(row, rule)) mode = weaker(mode, row.mode);
    return mode;
  }
}

/** Every rule blocks. */
export const blockingModes = new RuleModes('', 'block', 'block', [], {
  inbound: null,
  outbound: null,
});

type CompiledRow = {
  readonly mode: Mode;
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly names: ReadonlySet<string>;
  readonly tags: ReadonlySet<string>;
};

function namesNoRules({ rules, tags }: ModeRow): boolean {
  return rules.length + tags.length === 0;
}

function compileRow({ rules, tags, mode }: ModeRow): CompiledRow {
  const ranges = rules.map(rangeOf).filter((range) => range !== null);
  return { mode, ranges, names: new Set(rules), tags: new Set(tags) };
}

/** Null for a name. */
function rangeOf(text: string): readonly [number, number] | null {
  const [, from, to] = /^([0-9]+)(?:-([0-9]+))?$/.exec(text) ?? [];
  return from === undefined ? null : [Number(from), Number(to ?? from)];
}

function names(row: CompiledRow, { name, id, tags }: NamedRule): boolean {
  if (id !== null && row.ranges.some(([from, to]) => from <= id && id <= to)) return true;
  return row.names.has(name) || tags.some((tag) => row.tags.has(tag));
}

/** What of the rows names nothing in any of the rule sets; names of other modules' rules cannot be told. */
export function unknownNames(
  rows: readonly ModeRow[],
  sets: readonly { readonly entry: string; readonly rules: readonly NamedRule[] }[],
): { readonly row: number; readonly what: string }[] {
  return rows.flatMap(({ rules, tags, entry }, row) => {
    const known = sets.filter((set) => entry === undefined || set.entry === entry);
    const some = (test: (rule: NamedRule) => boolean) => known.some((set) => set.rules.some(test));
    const missing: string[] = [];
    for (const text of rules) {
      const one = compileRow({ rules: [text], tags: [], mode: 'off' });
      const isOfSet = rangeOf(text) !== null || sets.some(({ entry: of }) => isOf(text, of));
      if (isOfSet && !some((rule) => names(one, rule))) missing.push(`rule ${text}`);
    }
    for (const tag of tags)
      if (!some((rule) => rule.tags.includes(tag))) missing.push(`tag ${tag}`);
    return missing.map((what) => ({ row, what }));
  });
}

const isOf = (name: string, entry: string): boolean => name.startsWith(`${entry}/`);
