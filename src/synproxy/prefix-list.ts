/**
 * Which of the ranges people named stand in the kernel's trie.
 *
 * A trie pays for every range it holds, so one that lies in a wider range of the same action is left out: the
 * wider one gives the same answer. It comes back when the wider one goes. Of all ranges that hold an address
 * the trie finds the narrowest, and one that is dropped is to decide: so whatever lies inside a dropped range
 * is left out, and what only watches inside any range is. A trie never hides a drop.
 *
 * ```
 * 10.0.0.0/8 monitor ── 10.1.0.0/16 drop ── 10.1.2.0/24 monitor     the first two stand in the trie
 * 10.0.0.0/8 drop ── 10.1.2.0/24 drop                               the first alone
 * ```
 *
 * Here is what should stand there (`changes`) and what does (`note…`, after the kernel took it), so a call
 * that failed is made up for by the next one.
 */
import type { Cidr } from '#core/ip.ts';
import { PrefixTree } from './prefix-tree.ts';

export type PrefixItem = {
  readonly cidr: Cidr;
  action: number;
  isWanted: boolean;
  /** Action it stands in the trie with, or null. */
  installed: number | null;
  /** Counted before it was left out for a wider one. */
  hits: number;
  lastNs: number;
};

export class PrefixList {
  readonly #drop: number;
  readonly #tree = new PrefixTree<PrefixItem>();
  /** Those whose place in the trie may be another now. */
  readonly #touched = new Map<string, PrefixItem>();

  /** `drop` is the action that beats others. */
  constructor(drop: number) {
    this.#drop = drop;
  }

  /** Ranges people named. */
  get size(): number {
    return this.#tree.size;
  }

  get(cidr: Cidr): PrefixItem | undefined {
    return this.#tree.get(cidr);
  }

  items(): PrefixItem[] {
    return this.#tree.values();
  }

  set(cidr: Cidr, action: number): void {
    const item = this.#tree.get(cidr) ??
      this.#touched.get(cidr.text) ?? {
        cidr,
        action,
        isWanted: false,
        installed: null,
        hits: 0,
        lastNs: 0,
      };
    item.action = action;
    this.#tree.set(cidr, item);
    const parent = this.#tree.parent(cidr);
    this.#place(item, parent !== undefined, parent !== undefined && this.#isDropped(parent));
    this.#placeInside(cidr, true, this.#isDropped(item));
  }

  delete(cidr: Cidr): boolean {
    const item = this.#tree.get(cidr);
    if (item === undefined) return false;
    this.#tree.delete(cidr);
    item.isWanted = false;
    this.#touched.set(cidr.text, item);
    const parent = this.#tree.parent(cidr);
    this.#placeInside(cidr, parent !== undefined, parent !== undefined && this.#isDropped(parent));
    return true;
  }

  /** What stands in the trie from before. */
  adopt(cidr: Cidr, action: number): void {
    this.set(cidr, action);
    const item = this.#tree.get(cidr);
    if (item !== undefined) item.installed = action;
  }

  /** What the trie still has to take and to give up. */
  changes(): { readonly puts: PrefixItem[]; readonly deletes: PrefixItem[] } {
    const puts: PrefixItem[] = [];
    const deletes: PrefixItem[] = [];
    for (const [text, item] of this.#touched) {
      if (item.isWanted && item.installed !== item.action) puts.push(item);
      else if (!item.isWanted && item.installed !== null) deletes.push(item);
      else this.#touched.delete(text);
    }
    return { puts, deletes };
  }

  notePut(item: PrefixItem): void {
    item.installed = item.action;
    this.#touched.delete(item.cidr.text);
  }

  noteDeleted(item: PrefixItem): void {
    item.installed = null;
    this.#touched.delete(item.cidr.text);
  }

  /** It, or a range that it lies in. */
  #isDropped(item: PrefixItem): boolean {
    for (let at: PrefixItem | undefined = item; at !== undefined; at = this.#tree.parent(at.cidr))
      if (at.action === this.#drop) return true;
    return false;
  }

  /** What lies inside a dropped range stays as it is, whatever changes around that. */
  #placeInside(cidr: Cidr, isInside: boolean, isDropped: boolean): void {
    for (const child of this.#tree.children(cidr)) {
      this.#place(child, isInside, isDropped);
      if (child.action !== this.#drop) this.#placeInside(child.cidr, true, isDropped);
    }
  }

  #place(item: PrefixItem, isInside: boolean, isDropped: boolean): void {
    item.isWanted = item.action === this.#drop ? !isDropped : !isInside;
    this.#touched.set(item.cidr.text, item);
  }
}
