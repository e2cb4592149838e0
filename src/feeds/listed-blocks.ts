/**
 * What lists say of addresses and ranges: feeds, and the decisions of a CrowdSec agent. Each list stands under its
 * origin and changes as a whole; of a target on several the strongest holds.
 *
 * ```
 * feed:drop        198.18.0.0/15  drop      ─┐
 * feed:scanners    198.18.7.9     monitor    ├─► find(target): dropping before watching, then the later end
 * crowdsec:lapi    198.18.7.9     drop      ─┘
 * ```
 *
 * Nothing here is enforced: `#roles/node-blocks.ts` does that, with what a change answers. Entries of one load
 * share one term object, so a hundred thousand of them cost their texts and a slot each.
 */
import { WeirError } from '#core/errors.ts';

/** The stronger before the weaker. */
const actions = ['drop', 'challenge', 'monitor'] as const;
export type ListAction = (typeof actions)[number];

/** What a list says of an entry. */
export type ListTerm = {
  readonly action: ListAction;
  readonly reason: string;
  readonly atMs: number;
  /** Null for one that holds until the list lets go of it. */
  readonly expiresAtMs: number | null;
};

export type ListedBlock = ListTerm & { readonly target: string; readonly origin: string };

/** Targets to look at again. */
export type ListChange = { readonly added: readonly string[]; readonly removed: readonly string[] };

/** What is known of a list beside its entries. */
export type ListFacts = {
  readonly loadedAtMs: number;
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** Of the content as it came. */
  readonly contentSha256: string | null;
  /** Of the part of the configuration it was made under: another one makes another list. */
  readonly terms: string;
};

/** Of all lists together. */
export const listedTargetsMax = 1_000_000;

export class ListedBlocks {
  /** Of the lists that were kept when this began. */
  readonly kept = new Map<string, ListFacts>();
  /** Files of lists that were not whole and are not used, each with why. */
  readonly broken: string[] = [];
  readonly #lists = new Map<string, Map<string, ListTerm>>();
  /** On how many lists each target is. */
  readonly #holders = new Map<string, number>();
  readonly #targetsMax: number;
  /** The earliest end of any entry, so that a look each second costs nothing. */
  #nextEndMs = Number.POSITIVE_INFINITY;

  constructor(targetsMax = listedTargetsMax) {
    this.#targetsMax = targetsMax;
  }

  /** Targets, each once. */
  get count(): number {
    return this.#holders.size;
  }

  get origins(): readonly string[] {
    return [...this.#lists.keys()];
  }

  sizeOf(origin: string): number {
    return this.#lists.get(origin)?.size ?? 0;
  }

  listOf(origin: string): ReadonlyMap<string, ListTerm> {
    return this.#lists.get(origin) ?? new Map();
  }

  find(target: string): ListedBlock | null {
    if (!this.#holders.has(target)) return null;
    let found: ListedBlock | null = null;
    for (const [origin, list] of this.#lists) {
      const term = list.get(target);
      if (term !== undefined && (found === null || isStronger(term, found)))
        found = { target, origin, ...term };
    }
    return found;
  }

  *all(): Generator<ListedBlock> {
    for (const target of this.#holders.keys()) {
      const block = this.find(target);
      if (block !== null) yield block;
    }
  }

  /** Those behind the first `after`; a change between two pages can move some from one to the other. */
  page(
    after: number,
    limit: number,
  ): { readonly blocks: ListedBlock[]; readonly next: number | null } {
    const blocks: ListedBlock[] = [];
    let index = 0;
    for (const target of this.#holders.keys()) {
      if (index++ < after) continue;
      if (blocks.length === limit) return { blocks, next: after + blocks.length };
      const block = this.find(target);
      if (block !== null) blocks.push(block);
    }
    return { blocks, next: null };
  }

  /**
   * The list is these from now on. An entry that was on it and says the same is not changed. Throws
   * BLOCK_LIST_FULL, with nothing changed.
   */
  replace(origin: string, next: ReadonlyMap<string, ListTerm>): ListChange {
    const before = this.#lists.get(origin) ?? new Map<string, ListTerm>();
    const removed = [...before.keys()].filter((target) => !next.has(target));
    return this.change(origin, next, removed);
  }

  /** These are added or said anew, and those taken out. Throws BLOCK_LIST_FULL, with nothing changed. */
  change(
    origin: string,
    put: ReadonlyMap<string, ListTerm>,
    remove: readonly string[],
  ): ListChange {
    const list = this.#lists.get(origin) ?? new Map<string, ListTerm>();
    this.#checkRoom(origin, list, put, remove);
    const removed: string[] = [];
    for (const target of remove) {
      if (put.has(target) || !list.delete(target)) continue;
      this.#release(target);
      removed.push(target);
    }
    const added: string[] = [];
    for (const [target, term] of put) {
      const known = list.get(target);
      // Since when it is on the list stays as it was.
      if (
        known?.action === term.action &&
        known.expiresAtMs === term.expiresAtMs &&
        known.reason === term.reason
      )
        continue;
      list.set(target, term);
      if (known === undefined) this.#holders.set(target, (this.#holders.get(target) ?? 0) + 1);
      added.push(target);
      this.#nextEndMs = Math.min(this.#nextEndMs, term.expiresAtMs ?? Number.POSITIVE_INFINITY);
    }
    if (list.size === 0) this.#lists.delete(origin);
    else this.#lists.set(origin, list);
    return { added, removed };
  }

  /** Takes out what has ended. */
  expire(nowMs: number): string[] {
    if (nowMs < this.#nextEndMs) return [];
    const ended: string[] = [];
    let nextEndMs = Number.POSITIVE_INFINITY;
    for (const [origin, list] of this.#lists) {
      for (const [target, { expiresAtMs }] of list) {
        if (expiresAtMs === null) continue;
        if (expiresAtMs > nowMs) {
          nextEndMs = Math.min(nextEndMs, expiresAtMs);
          continue;
        }
        list.delete(target);
        this.#release(target);
        ended.push(target);
      }
      if (list.size === 0) this.#lists.delete(origin);
    }
    this.#nextEndMs = nextEndMs;
    return ended;
  }

  #release(target: string): void {
    const holders = this.#holders.get(target) ?? 0;
    if (holders > 1) this.#holders.set(target, holders - 1);
    else this.#holders.delete(target);
  }

  #checkRoom(
    origin: string,
    list: ReadonlyMap<string, ListTerm>,
    put: ReadonlyMap<string, ListTerm>,
    remove: readonly string[],
  ): void {
    // What one list takes twice is counted once; what others hold too is counted here as new, which errs on the safe side.
    let more = 0;
    for (const target of put.keys()) if (!list.has(target)) more++;
    for (const target of remove) if (list.has(target) && !put.has(target)) more--;
    if (this.count + more <= this.#targetsMax) return;
    throw new WeirError(
      'BLOCK_LIST_FULL',
      `lists have room for ${this.#targetsMax} targets in all: there are ${this.count}, and ${origin} wants ${more} more; leave a list out, or bound one by entriesMax`,
    );
  }
}

function isStronger(term: ListTerm, than: ListTerm): boolean {
  if (term.action !== than.action)
    return actions.indexOf(term.action) < actions.indexOf(than.action);
  return (
    (term.expiresAtMs ?? Number.POSITIVE_INFINITY) > (than.expiresAtMs ?? Number.POSITIVE_INFINITY)
  );
}
