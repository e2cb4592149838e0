/**
 * The lists and rules as nftables has them: one table of ours, in the JSON that `nft -j -f -` takes.
 *
 * ```
 * prerouting, priority -300: before connection tracking, so that a dropped packet costs no entry there
 *   neighbours, allow4/6 ─► out    exact, prefix ─► drop    monitor ─► counted, on to the rules    rules, in their order
 * ```
 *
 * A rule counts in an object of its own name, which stays when the rules around it change.
 *
 * Single addresses stand in hash sets, ranges in interval sets, which take no two that overlap: a range inside
 * another of the same action is left out by `prefix-list.ts`. Who is dropped by any entry is dropped, whatever
 * else is monitored, as in the other places (`kernel-lists.ts`). Each element counts its packets. `inspect`
 * needs XDP: such a rule is refused here, and one that was there before lets its packets pass, and counts them.
 *
 * An element that has expired by itself cannot be deleted, and an element that is there keeps its old time when
 * added again. So what is taken out is added first, and what is put in is taken out first, all in one
 * transaction.
 */

import { assert } from '#core/assert.ts';
import { type Cidr, parseCidr } from '#core/ip.ts';
import type { L4Rule } from '#core/l4-rule.ts';
import type { ListAction } from '../list-entry.ts';
import { nftCounterNames } from './nft-message.ts';

export type NftCommand = Readonly<Record<string, unknown>>;

export type SetElement = { readonly target: string; readonly ttlMs: number | null };

const family = 'inet';
/** Before connection tracking (-200) and whatever else others hang in there. */
const priority = -300;

const sets = [
  { name: 'allow', isInterval: true },
  { name: 'monitor-exact', isInterval: false },
  { name: 'monitor-prefix', isInterval: true },
  { name: 'drop-exact', isInterval: false },
  { name: 'drop-prefix', isInterval: true },
] as const;

export type SetName = `${(typeof sets)[number]['name']}${4 | 6}`;

/** Also in the place of one that an agent before left behind. */
export function openTable(table: string, interfaces: readonly string[]): NftCommand[] {
  const named = { family, table };
  const chains = ['prerouting', 'rules'];
  return [
    { add: { table: { family, name: table } } },
    { delete: { table: { family, name: table } } },
    { add: { table: { family, name: table } } },
    ...nftCounterNames.map((name) => ({ add: { counter: { ...named, name } } })),
    ...sets.flatMap(({ name, isInterval }) =>
      ([4, 6] as const).map((version) => ({
        add: {
          set: {
            ...named,
            name: `${name}${version}`,
            type: `ipv${version}_addr`,
            flags: isInterval ? ['interval', 'timeout'] : ['timeout'],
            stmt: [{ counter: null }],
          },
        },
      })),
    ),
    { add: { chain: { ...named, name: chains[1] } } },
    {
      add: {
        chain: {
          ...named,
          name: chains[0],
          type: 'filter',
          hook: 'prerouting',
          prio: priority,
          policy: 'accept',
        },
      },
    },
    ...listRules(table, interfaces),
  ];
}

export function closeTable(table: string): NftCommand[] {
  return [{ delete: { table: { family, name: table } } }];
}

export const setNames = sets.flatMap(({ name }) =>
  ([4, 6] as const).map((version): SetName => `${name}${version}`),
);

export function flushLists(table: string): NftCommand[] {
  return setNames.map((name) => ({ flush: { set: { family, table, name } } }));
}

/** Of the verdicts, and the sets that hold these targets: one listing a run is what nft 1.0 takes. */
export function listings(table: string, targets: readonly string[]): NftCommand[] {
  const named = new Set(
    targets.flatMap((target) => [setOf(target, 'drop'), setOf(target, 'monitor')]),
  );
  return [
    { list: { counters: { family, table } } },
    ...[...named].map((name) => ({ list: { set: { family, table, name } } })),
  ];
}

export function setOf(target: string, action: ListAction): SetName {
  const cidr = cidrOfTarget(target);
  if (action === 'allow') return `allow${cidr.family}`;
  return `${action}-${isHost(cidr) ? 'exact' : 'prefix'}${cidr.family}`;
}

/** `isFresh`: none of them stands there. */
export function putElements(
  table: string,
  name: SetName,
  elements: readonly SetElement[],
  isFresh: boolean,
): NftCommand[] {
  if (elements.length === 0) return [];
  const put = elementCommand('add', table, name, elements);
  return isFresh
    ? [put]
    : [
        ...removeElements(
          table,
          name,
          elements.map(({ target }) => target),
        ),
        put,
      ];
}

export function removeElements(
  table: string,
  name: SetName,
  targets: readonly string[],
): NftCommand[] {
  if (targets.length === 0) return [];
  const elements = targets.map((target) => ({ target, ttlMs: null }));
  return [
    elementCommand('add', table, name, elements),
    elementCommand('delete', table, name, elements),
  ];
}

/**
 * All rules anew; the packet that comes in between sees the old ones, as it is one transaction. `before` are the ids
 * of those that stand there: who stays goes on counting.
 */
export function replaceRules(
  table: string,
  rules: readonly L4Rule[],
  before: ReadonlySet<number> = new Set(),
): NftCommand[] {
  const wanted = new Set(rules.map(({ id }) => id));
  const counter = (id: number) => ({ counter: { family, table, name: ruleCounter(id) } });
  return [
    { flush: { chain: { family, table, name: 'rules' } } },
    ...[...before].filter((id) => !wanted.has(id)).map((id) => ({ delete: counter(id) })),
    ...[...wanted].filter((id) => !before.has(id)).map((id) => ({ add: counter(id) })),
    ...rules.map((rule) => ({
      add: {
        rule: {
          family,
          table,
          chain: 'rules',
          comment: `rule ${rule.id}`,
          expr: [
            ...addressMatch('saddr', rule.source),
            ...addressMatch('daddr', rule.destination),
            ...protocolMatch(rule),
            { counter: ruleCounter(rule.id) },
            { counter: rule.action === 'drop' ? 'drop_rule' : 'pass_rule' },
            rule.action === 'drop' ? { drop: null } : { accept: null },
          ],
        },
      },
    })),
  ];
}

export const ruleCounterPattern = /^rule-(\d+)$/;

const ruleCounter = (id: number): string => `rule-${id}`;

export function programText(commands: readonly NftCommand[]): string {
  return JSON.stringify({ nftables: commands });
}

function listRules(table: string, interfaces: readonly string[]): NftCommand[] {
  const both = [4, 6] as const;
  const rule = (expr: readonly unknown[]): NftCommand => ({
    add: { rule: { family, table, chain: 'prerouting', expr } },
  });
  const inSet = (name: string, version: 4 | 6) =>
    match(
      { payload: { protocol: version === 4 ? 'ip' : 'ip6', field: 'saddr' } },
      `@${name}${version}`,
    );
  const of = (name: string, counter: string, verdict: NftCommand) =>
    both.map((version) => rule([inSet(name, version), { counter }, verdict]));
  const elsewhere = {
    match: { op: '!=', left: { meta: { key: 'iifname' } }, right: { set: interfaces } },
  };
  return [
    ...(interfaces.length === 0 ? [] : [rule([elsewhere, { accept: null }])]),
    rule(neighbourDiscovery),
    ...of('allow', 'allowed', { accept: null }),
    ...of('drop-exact', 'drop_exact', { drop: null }),
    ...of('drop-prefix', 'drop_prefix', { drop: null }),
    ...of('monitor-exact', 'monitored', { goto: { target: 'rules' } }),
    ...of('monitor-prefix', 'monitored', { goto: { target: 'rules' } }),
    rule([{ goto: { target: 'rules' } }]),
  ];
}

/** What ARP is to IPv4, and no list or rule may touch: without it there is no IPv6 at all. */
const neighbourDiscovery = [
  match({ payload: { protocol: 'icmpv6', field: 'type' } }, { range: [133, 137] }),
  match({ payload: { protocol: 'ip6', field: 'hoplimit' } }, 255),
  { accept: null },
];

function elementCommand(
  verb: 'add' | 'delete',
  table: string,
  name: SetName,
  elements: readonly SetElement[],
): NftCommand {
  return { [verb]: { element: { family, table, name, elem: elements.map(elementOf) } } };
}

function elementOf({ target, ttlMs }: SetElement): unknown {
  const cidr = cidrOfTarget(target);
  const [address = ''] = target.split('/');
  const value = isHost(cidr) ? address : { prefix: { addr: address, len: cidr.prefix } };
  if (ttlMs === null) return value;
  // nft's JSON has whole seconds; a moment too long, as whoever ordered it takes it out in time.
  return { elem: { val: value, timeout: Math.max(1, Math.ceil(ttlMs / 1_000)) } };
}

function addressMatch(field: 'saddr' | 'daddr', range: string | null): NftCommand[] {
  if (range === null) return [];
  const cidr = cidrOfTarget(range);
  const [address = ''] = range.split('/');
  const right = isHost(cidr) ? address : { prefix: { addr: address, len: cidr.prefix } };
  return [match({ payload: { protocol: cidr.family === 4 ? 'ip' : 'ip6', field } }, right)];
}

function protocolMatch({ protocol, port }: L4Rule): NftCommand[] {
  const l4 = { meta: { key: 'l4proto' } };
  if (port === null) return protocol === null ? [] : [match(l4, protocol)];
  const range = port.first === port.last ? port.first : { range: [port.first, port.last] };
  return [
    match(l4, protocol ?? { set: [6, 17] }),
    match({ payload: { protocol: 'th', field: 'dport' } }, range),
  ];
}

function match(left: unknown, right: unknown): NftCommand {
  return { match: { op: '==', left, right } };
}

function isHost(cidr: Cidr): boolean {
  return cidr.prefix === (cidr.family === 4 ? 32 : 128);
}

function cidrOfTarget(target: string): Cidr {
  const cidr = parseCidr(target);
  assert(cidr !== null, `"${target}" was checked where it came in`);
  return cidr;
}
