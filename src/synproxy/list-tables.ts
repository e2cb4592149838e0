/** The three tables of each family, and which of them an entry belongs to. */
import { assert } from '#core/assert.ts';
import { type Cidr, type IpFamily, parseCidr } from '#core/ip.ts';
import { type ExactChange, ExactTable } from './exact-table.ts';
import type { KernelMap, MapName } from './kernel-map.ts';
import type { ListAction, ListEntryCodec } from './list-entry.ts';
import { type PrefixChange, PrefixTable } from './prefix-table.ts';

export type ListItem = {
  /** Canonical, as `formatCidr` writes it. */
  readonly target: string;
  readonly action: ListAction;
};

export type ListMaps = Readonly<
  Record<Extract<MapName, `${'allow' | 'exact' | 'prefix'}${IpFamily}`>, KernelMap>
>;

export type Tables = {
  readonly family: IpFamily;
  readonly allow: PrefixTable;
  readonly exact: ExactTable;
  readonly prefix: PrefixTable;
};

export type TableName = 'allow' | 'exact' | 'prefix';

export const tableNames: readonly TableName[] = ['allow', 'exact', 'prefix'];

export type Changes = {
  readonly allow: PrefixChange[];
  readonly exact: ExactChange[];
  readonly prefix: PrefixChange[];
};

export function listTables(maps: ListMaps, codec: ListEntryCodec): readonly [Tables, Tables] {
  return [
    {
      family: 4,
      allow: new PrefixTable(4, maps.allow4, codec),
      exact: new ExactTable(4, maps.exact4, codec),
      prefix: new PrefixTable(4, maps.prefix4, codec),
    },
    {
      family: 6,
      allow: new PrefixTable(6, maps.allow6, codec),
      exact: new ExactTable(6, maps.exact6, codec),
      prefix: new PrefixTable(6, maps.prefix6, codec),
    },
  ];
}

export function tableOf(cidr: Cidr, isAllowed: boolean): TableName {
  if (isAllowed) return 'allow';
  // 0.0.0.0 is no tag of an address table.
  if (cidr.family === 4 && cidr.words[0] === 0) return 'prefix';
  return cidr.prefix === (cidr.family === 4 ? 32 : 128) ? 'exact' : 'prefix';
}

/** Targets were checked where people gave them. */
export function targetCidr(target: string): Cidr {
  const cidr = parseCidr(target);
  assert(cidr !== null, `"${target}" is a canonical target`);
  return cidr;
}
