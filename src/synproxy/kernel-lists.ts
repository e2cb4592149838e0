/**
 * The lists of the kernel program: who is always let in, who is dropped, who is only counted.
 *
 * ```
 * packet ─► allow (trie): in ─► exact (table) ─► prefix (trie) ─► on to rules and cookies
 *                                dropped or counted   dropped or counted
 * ```
 *
 * So the allow list wins over all, and an entry that drops over all that only watch, however specific; a
 * property test holds it against the plain rule. Workers and nftables have the same. Single addresses go to a table, which costs a tenth of the trie; ranges
 * inside wider ones of the same action stay out of the trie (`prefix-list.ts`). An allowed and a blocked entry
 * of one target are two entries.
 *
 * `apply` is for the moment and done when it returns. `replaceAll` brings a million entries in, or back after a
 * restart, in slices, so that nothing waits for it; what `apply` says meanwhile holds. It writes only what
 * differs, so counters of hits live on.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cidrOf } from '#core/ip.ts';
import type { ShieldLayout } from './kernel-map.ts';
import { type EntryCount, ListEntryCodec, readAddress, viewOf } from './list-entry.ts';
import { ListReplacement, sliceEntries } from './list-replacement.ts';
import { type Flags, ListSwitches } from './list-switches.ts';
import {
  type Changes,
  type ListItem,
  type ListMaps,
  listTables,
  type Tables,
  tableNames,
  tableOf,
  targetCidr,
} from './list-tables.ts';

export type ListCounts = {
  readonly exact: number;
  readonly prefixes: number;
  /** Ranges that stand in the trie; the others lie inside of these. */
  readonly prefixesInstalled: number;
  readonly allowed: number;
};

export class KernelLists {
  readonly #codec: ListEntryCodec;
  readonly #tables: readonly [Tables, Tables];
  readonly #switches: ListSwitches;
  /** Those under way and those in line: they have to know what `apply` does. */
  readonly #replacements = new Set<ListReplacement>();
  #replacing: Promise<unknown> = Promise.resolve();

  constructor(maps: ListMaps, layout: ShieldLayout, flags: Flags) {
    this.#switches = new ListSwitches(flags);
    this.#codec = new ListEntryCodec(layout);
    this.#tables = listTables(maps, this.#codec);
  }

  /**
   * `remove` names blocked and monitored targets, `removeAllowed` those of the allow list; what is both removed
   * and added is there afterwards. Throws KERNEL_MAP_FULL with nothing changed. The number removed.
   */
  apply(
    add: readonly ListItem[],
    remove: readonly string[] = [],
    removeAllowed: readonly string[] = [],
  ): number {
    const changes = this.#changesOf(add, remove, removeAllowed);
    for (const [index, tables] of this.#tables.entries())
      for (const name of tableNames) tables[name].check(changes[index]?.[name] ?? []);
    let removed = 0;
    if (add.length > 0) this.#switches.allOn();
    for (const [index, tables] of this.#tables.entries()) {
      // Allowed ones first: an address on both lists must not be shut out for a moment.
      for (const name of tableNames) {
        const own = changes[index]?.[name] ?? [];
        removed += tables[name].apply(own);
        for (const { cidr, action } of own) {
          for (const one of this.#replacements) one.note(cidr, name === 'allow', action);
        }
      }
    }
    this.#follow();
    return removed;
  }

  /**
   * These and no others from now on; `items` is gone through twice. Rejects with KERNEL_MAP_FULL and nothing
   * changed; after KERNEL_CALL_FAILED a part of it is done, and calling again does the rest.
   */
  replaceAll(items: Iterable<ListItem>): Promise<void> {
    const replacement = new ListReplacement(this.#tables, this.#codec, items);
    this.#replacements.add(replacement);
    const done = this.#replacing
      .then(() => {
        this.#switches.allOn();
        return replacement.run();
      })
      .finally(() => this.#replacements.delete(replacement));
    const settled = done.then(() => this.#follow());
    this.#replacing = settled.catch(() => {});
    return settled;
  }

  get counts(): ListCounts {
    const sum = (of: (tables: Tables) => number) =>
      this.#tables.reduce((all, tables) => all + of(tables), 0);
    return {
      exact: sum(({ exact }) => exact.count),
      prefixes: sum(({ prefix }) => prefix.count),
      prefixesInstalled: sum(({ prefix }) => prefix.installed),
      allowed: sum(({ allow }) => allow.count),
    };
  }

  /** Of the blocked or monitored entry of this very target; null where nothing was counted for it. */
  hitsOf(target: string): EntryCount | null {
    const cidr = targetCidr(target);
    const tables = this.#tables[cidr.family === 4 ? 0 : 1];
    return tableOf(cidr, false) === 'exact'
      ? tables.exact.hitsOf(cidr)
      : tables.prefix.hitsOf(cidr);
  }

  /**
   * Blocked and monitored entries that were hit, by target. A range that lies in a wider one of the same action
   * keeps what it had before; from then on the wider one counts.
   */
  async hits(): Promise<Map<string, EntryCount>> {
    const found = new Map<string, EntryCount>();
    for (const { family, exact, prefix } of this.#tables) {
      let seen = 0;
      for (const { key, value } of exact.map.entries()) {
        const count = this.#codec.readCount(viewOf(value));
        if (count.hits > 0) {
          const words = readAddress(viewOf(key), 0, family);
          found.set(cidrOf(family, words, family === 4 ? 32 : 128).text, count);
        }
        if (++seen % sliceEntries === 0) await nextTurn();
      }
      for (const [cidr, count] of prefix.counts()) found.set(cidr.text, count);
    }
    return found;
  }

  /** Not while a replacement runs, which is about to put entries in. */
  #follow(): void {
    if (this.#replacements.size > 0) return;
    const { exact, prefixesInstalled, allowed } = this.counts;
    this.#switches.follow({ exact, prefix: prefixesInstalled, allow: allowed });
  }

  #changesOf(
    add: readonly ListItem[],
    remove: readonly string[],
    removeAllowed: readonly string[],
  ): readonly [Changes, Changes] {
    const changes: readonly [Changes, Changes] = [
      { allow: [], exact: [], prefix: [] },
      { allow: [], exact: [], prefix: [] },
    ];
    const kept = new Map<string, number>();
    for (const { target, action } of add)
      kept.set(keyOf(target, action === 'allow'), this.#codec.action(action));
    const sort = (target: string, isAllowed: boolean, action: number | null) => {
      const cidr = targetCidr(target);
      changes[cidr.family === 4 ? 0 : 1][tableOf(cidr, isAllowed)].push({ cidr, action });
    };
    for (const [targets, isAllowed] of [
      [remove, false],
      [removeAllowed, true],
    ] as const) {
      for (const target of new Set(targets))
        if (!kept.has(keyOf(target, isAllowed))) sort(target, isAllowed, null);
    }
    for (const [key, action] of kept) sort(key.slice(1), key.startsWith('+'), action);
    return changes;
  }
}

function keyOf(target: string, isAllowed: boolean): string {
  return `${isAllowed ? '+' : '-'}${target}`;
}
