/**
 * What the node says to its nftables agent and hears from it: one JSON object a line.
 *
 * The agent holds CAP_NET_ADMIN and the node holds client bytes, so nothing passes here that could be anything
 * but an address, a number or a word of a table: each line is taken apart and put together again from what it
 * was found to mean. A line that is not exactly so ends the agent.
 */
import { parseCidr } from '#core/ip.ts';
import { type L4Rule, l4RuleActions, l4RulesMax } from '#core/l4-rule.ts';
import type { ListAction } from '../list-entry.ts';

export const lineBytesMax = 1_048_576;
/** Entries of one line; more go in more lines. */
export const entriesMax = 4_096;
/** A month: what lives longer is renewed by who knows of it. */
export const ttlMsMax = 31 * 24 * 3_600_000;

export type NftEntry = {
  /** Canonical, as `formatCidr` writes it. */
  readonly target: string;
  readonly action: ListAction;
  /** Null: until it is removed. */
  readonly ttlMs: number | null;
};

export type NftOrder =
  /** First, and once. */
  | {
      readonly kind: 'open';
      readonly table: string;
      /** What comes in by others is left alone; none are all. */
      readonly interfaces: readonly string[];
    }
  | {
      readonly kind: 'change';
      readonly sequence: number;
      /** Empties the lists first. */
      readonly replaces: boolean;
      readonly add: readonly NftEntry[];
      readonly remove: readonly string[];
      readonly removeAllowed: readonly string[];
    }
  | { readonly kind: 'rules'; readonly sequence: number; readonly rules: readonly L4Rule[] }
  /** What the counters say, and those of these targets. */
  | { readonly kind: 'count'; readonly sequence: number; readonly targets: readonly string[] };

export type NftCounter = { readonly packets: number; readonly bytes: number };
export const nftCounterNames = [
  'allowed',
  'monitored',
  'drop_exact',
  'drop_prefix',
  'pass_rule',
  'drop_rule',
] as const;
export type NftCounterName = (typeof nftCounterNames)[number];
export type NftCounts = {
  readonly verdicts: Readonly<Partial<Record<NftCounterName, NftCounter>>>;
  /** Packets by target; those never hit are left out. */
  readonly hits: Readonly<Record<string, number>>;
  /** By the id of a rule; an agent from before an upgrade has none. */
  readonly rules?: Readonly<Record<string, NftCounter>>;
  /** Elements are read one by one, so the length of the list does not matter. */
  readonly each?: boolean;
};

export type NftReport =
  | { readonly kind: 'ready' }
  /** The agent before was killed: what it was told last may be lost, and all is to be said anew, from `open` on. */
  | { readonly kind: 'again' }
  /** Everything up to this number stands in the kernel. */
  | { readonly kind: 'applied'; readonly sequence: number }
  /** What of it stands there is not known; all that should is to be said anew, with `replaces`. */
  | { readonly kind: 'failed'; readonly sequence: number; readonly reason: string }
  | ({ readonly kind: 'counts'; readonly sequence: number } & NftCounts)
  /** Nothing is known of what `count` asked for. */
  | { readonly kind: 'uncounted'; readonly sequence: number; readonly reason: string };

export const tablePattern = /^weir-[a-z0-9][a-z0-9-]{0,40}$/;
const interfacePattern = /^[A-Za-z0-9_.@-]{1,15}$/;
const interfacesMax = 64;

/** Null for what is no order. */
export function parseNftOrder(line: string): NftOrder | null {
  const value = readObject(line);
  if (value === null) return null;
  switch (value['kind']) {
    case 'open': {
      const { table } = value;
      const interfaces = listOf(value['interfaces'], interfacesMax, interfaceOf);
      if (!hasOnly(value, 3) || interfaces === null) return null;
      return typeof table === 'string' && tablePattern.test(table)
        ? { kind: 'open', table, interfaces }
        : null;
    }
    case 'change':
      return hasOnly(value, 6) ? changeOf(value) : null;
    case 'rules': {
      const rules = listOf(value['rules'], l4RulesMax, ruleOf);
      const sequence = count(value['sequence']);
      return rules === null || sequence === null || !hasOnly(value, 3)
        ? null
        : { kind: 'rules', sequence, rules };
    }
    case 'count': {
      const targets = listOf(value['targets'], entriesMax, targetOf);
      const sequence = count(value['sequence']);
      return targets === null || sequence === null || !hasOnly(value, 3)
        ? null
        : { kind: 'count', sequence, targets };
    }
    default:
      return null;
  }
}

/** Null for what is no report. */
export function parseNftReport(line: string): NftReport | null {
  const value = readObject(line);
  if (value === null) return null;
  if (value['kind'] === 'ready' || value['kind'] === 'again') return { kind: value['kind'] };
  const sequence = count(value['sequence']);
  const { kind, reason } = value;
  if (sequence === null) return null;
  if (kind === 'applied') return { kind, sequence };
  if (kind === 'counts') {
    const { verdicts, hits, rules = {} } = value;
    // From the agent, which may do more than we: what it counted is taken as it is.
    return isFields(verdicts) && isFields(hits) && isFields(rules)
      ? ({ kind, sequence, verdicts, hits, rules, each: value['each'] === true } as NftReport)
      : null;
  }
  if (typeof reason !== 'string') return null;
  return kind === 'failed' || kind === 'uncounted' ? { kind, sequence, reason } : null;
}

function changeOf(value: Fields): NftOrder | null {
  const sequence = count(value['sequence']);
  const { replaces } = value;
  const add = listOf(value['add'], entriesMax, entryOf);
  const remove = listOf(value['remove'], entriesMax, targetOf);
  const removeAllowed = listOf(value['removeAllowed'], entriesMax, targetOf);
  if (sequence === null || typeof replaces !== 'boolean') return null;
  if (add === null || remove === null || removeAllowed === null) return null;
  return { kind: 'change', sequence, replaces, add, remove, removeAllowed };
}

function entryOf(value: unknown): NftEntry | null {
  if (!isFields(value) || !hasOnly(value, 3)) return null;
  const target = targetOf(value['target']);
  const action = (['drop', 'monitor', 'allow'] as const).find((one) => one === value['action']);
  const ttlMs = value['ttlMs'] === null ? null : count(value['ttlMs']);
  if (target === null || action === undefined) return null;
  if (ttlMs === null && value['ttlMs'] !== null) return null;
  return ttlMs !== null && (ttlMs < 1 || ttlMs > ttlMsMax) ? null : { target, action, ttlMs };
}

function ruleOf(value: unknown): L4Rule | null {
  if (!isFields(value) || !hasOnly(value, 6)) return null;
  const id = count(value['id']);
  const action = l4RuleActions.find((one) => one === value['action']);
  const source = value['source'] === null ? null : targetOf(value['source']);
  const destination = value['destination'] === null ? null : targetOf(value['destination']);
  const protocol = value['protocol'] === null ? null : count(value['protocol']);
  const port = value['port'] === null ? null : portOf(value['port']);
  if (id === null || action === undefined) return null;
  for (const [name, read] of Object.entries({ source, destination, protocol, port }))
    if (read === null && value[name] !== null) return null;
  if (protocol !== null && protocol > 255) return null;
  return { id, source, destination, port, protocol, action };
}

function portOf(value: unknown): { first: number; last: number } | null {
  if (!isFields(value) || !hasOnly(value, 2)) return null;
  const first = count(value['first']);
  const last = count(value['last']);
  if (first === null || last === null || first < 1 || first > last || last > 65_535) return null;
  return { first, last };
}

function targetOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const cidr = parseCidr(value);
  return cidr !== null && cidr.text === value ? value : null;
}

function interfaceOf(value: unknown): string | null {
  return typeof value === 'string' && interfacePattern.test(value) ? value : null;
}

type Fields = Readonly<Record<string, unknown>>;

function readObject(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** With each expected one asked for by name, none other is there. */
function hasOnly(value: Fields, fields: number): boolean {
  return Object.keys(value).length === fields;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function listOf<T>(value: unknown, most: number, read: (one: unknown) => T | null): T[] | null {
  if (!Array.isArray(value) || value.length > most) return null;
  const list: T[] = [];
  for (const one of value) {
    const item = read(one);
    if (item === null) return null;
    list.push(item);
  }
  return list;
}
