/**
 * One list in the place of another, a million entries of it, in slices of a few milliseconds.
 *
 * ```
 * what is wanted, as a table ─► go through the maps: right, wrong action, not wanted ─► add ─► take out
 * ```
 *
 * New entries go in before old ones go out, so that nobody is let in between; only where both together have no
 * room it is the other way round. The table is kept in step with what `apply` does meanwhile (`note`), and is
 * asked again for each entry at the moment it is written.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CidrMap } from '#core/cidr-map.ts';
import { type Cidr, cidrOf } from '#core/ip.ts';
import { full } from './exact-table.ts';
import { type ListEntryCodec, readAddress, viewOf } from './list-entry.ts';
import {
  type ListItem,
  type TableName,
  type Tables,
  tableNames,
  tableOf,
  targetCidr,
} from './list-tables.ts';

/** Entries between two looks at what else there is to do. */
export const sliceEntries = 4_096;

/** Beside the action: it stands in the map. */
const present = 256;

type Stale = { readonly tables: Tables; readonly name: TableName; readonly cidr: Cidr };

export class ListReplacement {
  readonly #tables: readonly [Tables, Tables];
  readonly #codec: ListEntryCodec;
  readonly #items: Iterable<ListItem>;
  #allow = new CidrMap<number>(1);
  #block = new CidrMap<number>(1);
  /** What was said before the table of what is wanted stood. */
  #early: { cidr: Cidr; isAllowed: boolean; action: number | null }[] | null = [];

  constructor(tables: readonly [Tables, Tables], codec: ListEntryCodec, items: Iterable<ListItem>) {
    this.#tables = tables;
    this.#codec = codec;
    this.#items = items;
  }

  /** Throws KERNEL_MAP_FULL with nothing changed. */
  async run(): Promise<void> {
    const wantedCounts = await this.#readWanted();
    const early = this.#early ?? [];
    this.#early = null;
    for (const { cidr, isAllowed, action } of early) this.note(cidr, isAllowed, action);
    const stale = await this.#findStale();
    const isRoomy = this.#tables.every((tables, index) =>
      tableNames.every(
        (name) =>
          tables[name].count + (wantedCounts[index]?.[name] ?? 0) <= tables[name].map.entriesMax,
      ),
    );
    if (!isRoomy) await this.#removeStale(stale);
    await this.#addMissing();
    if (isRoomy) await this.#removeStale(stale);
  }

  /** Somebody has put this entry into the map, or taken it out, since the list was handed in. */
  note(cidr: Cidr, isAllowed: boolean, action: number | null): void {
    if (this.#early !== null) {
      this.#early.push({ cidr, isAllowed, action });
      return;
    }
    const wanted = isAllowed ? this.#allow : this.#block;
    if (action === null) wanted.delete(cidr);
    else wanted.set(cidr, action | present);
  }

  async #readWanted(): Promise<readonly Record<TableName, number>[]> {
    const counts = this.#tables.map(() => ({ allow: 0, exact: 0, prefix: 0 }));
    const expected = Array.isArray(this.#items) ? this.#items.length : 0;
    // As many as can be, and as many again that `apply` may add while this runs.
    const most = (names: readonly TableName[]) =>
      2 *
      this.#tables.reduce(
        (sum, t) => sum + names.reduce((s, name) => s + t[name].map.entriesMax, 0),
        0,
      );
    this.#allow = new CidrMap(most(['allow']));
    this.#block = new CidrMap(most(['exact', 'prefix']), expected);
    let at = 0;
    for (const { target, action } of this.#items) {
      const cidr = targetCidr(target);
      const isAllowed = action === 'allow';
      const wanted = isAllowed ? this.#allow : this.#block;
      if (wanted.get(cidr) === undefined) {
        const index = cidr.family === 4 ? 0 : 1;
        const name = tableOf(cidr, isAllowed);
        const count = counts[index];
        const { map } = this.#tables[index][name];
        if (count !== undefined && ++count[name] > map.entriesMax)
          throw full(cidr.family, map, this.#tables[index][name].count);
      }
      wanted.set(cidr, this.#codec.action(action));
      if (++at % sliceEntries === 0) await nextTurn();
    }
    return counts;
  }

  /** Goes through what is there: marks what is right, mends a wrong action, and lists what is not wanted. */
  async #findStale(): Promise<Stale[]> {
    const stale: Stale[] = [];
    for (const tables of this.#tables) {
      const { exact, family } = tables;
      let seen = 0;
      const bits = family === 4 ? 32 : 128;
      for (const { key, value } of exact.map.entries()) {
        const cidr = cidrOf(family, readAddress(viewOf(key), 0, family), bits);
        const wanted = this.#block.get(cidr);
        if (wanted === undefined) stale.push({ tables, name: 'exact', cidr });
        else if ((wanted & ~present) === this.#codec.readAction(viewOf(value)))
          this.#block.set(cidr, wanted | present);
        else if ((wanted & present) === 0) {
          exact.apply([{ cidr, action: wanted }]);
          this.#block.set(cidr, wanted | present);
        }
        if (++seen % sliceEntries === 0) await nextTurn();
      }
      for (const name of ['allow', 'prefix'] as const) {
        const all = name === 'allow' ? this.#allow : this.#block;
        for (const cidr of tables[name].ranges()) {
          const wanted = all.get(cidr);
          if (wanted === undefined) stale.push({ tables, name, cidr });
          else if (wanted === tables[name].action(cidr)) all.set(cidr, wanted | present);
          if (++seen % sliceEntries === 0) await nextTurn();
        }
      }
    }
    return stale;
  }

  async #addMissing(): Promise<void> {
    let slice: ListItem[] = [];
    const write = () => {
      this.#add(slice);
      slice = [];
      return nextTurn();
    };
    for (const item of this.#items) {
      slice.push(item);
      if (slice.length === sliceEntries) await write();
    }
    await write();
  }

  /** Those that are still wanted so, and not there. */
  #add(items: readonly ListItem[]): void {
    for (const tables of this.#tables) {
      const changes = { allow: [], exact: [], prefix: [] } as Record<
        TableName,
        { cidr: Cidr; action: number }[]
      >;
      for (const { target, action } of items) {
        const cidr = targetCidr(target);
        if (cidr.family !== tables.family) continue;
        const isAllowed = action === 'allow';
        const wanted = isAllowed ? this.#allow : this.#block;
        const code = this.#codec.action(action);
        if (wanted.get(cidr) !== code) continue;
        wanted.set(cidr, code | present);
        changes[tableOf(cidr, isAllowed)].push({ cidr, action: code });
      }
      for (const name of ['allow', 'prefix'] as const) {
        tables[name].check(changes[name]);
        tables[name].apply(changes[name]);
      }
      tables.exact.add(changes.exact);
    }
  }

  async #removeStale(stale: readonly Stale[]): Promise<void> {
    for (let from = 0; from < stale.length; from += sliceEntries) {
      const slice = stale
        .slice(from, from + sliceEntries)
        // Not those that `apply` has added since.
        .filter(
          ({ name, cidr }) =>
            (name === 'allow' ? this.#allow : this.#block).get(cidr) === undefined,
        )
        .map(({ tables, name, cidr }) => ({ tables, name, change: { cidr, action: null } }));
      for (const tables of this.#tables) {
        for (const name of tableNames) {
          const own = slice.filter((one) => one.tables === tables && one.name === name);
          tables[name].apply(own.map(({ change }) => change));
        }
      }
      await nextTurn();
    }
  }
}
