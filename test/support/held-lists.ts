/** Lists in memory, as a feed or an agent's client changes them. */
import type { DecisionLists } from '#crowdsec/lapi-client.ts';
import type { FeedLists } from '#feeds/feed.ts';
import { ListedBlocks, type ListFacts, type ListTerm } from '#feeds/listed-blocks.ts';

export class HeldLists implements FeedLists, DecisionLists {
  readonly blocks = new ListedBlocks();
  readonly facts = new Map<string, ListFacts>();
  readonly degraded = new Map<string, string>();

  async replace(origin: string, entries: ReadonlyMap<string, ListTerm>, facts: ListFacts) {
    this.facts.set(origin, facts);
    const { added, removed } = this.blocks.replace(origin, entries);
    return { added: added.length, removed: removed.length };
  }

  async change(
    origin: string,
    put: ReadonlyMap<string, ListTerm>,
    remove: readonly string[],
    facts: ListFacts | null,
  ) {
    if (facts !== null) this.facts.set(origin, facts);
    const { added, removed } = this.blocks.change(origin, put, remove);
    return { added: added.length, removed: removed.length };
  }

  async touch(origin: string, facts: ListFacts): Promise<void> {
    this.facts.set(origin, facts);
  }

  async remove(origin: string): Promise<void> {
    this.blocks.replace(origin, new Map());
    this.facts.delete(origin);
  }

  sizeOf(origin: string): number {
    return this.blocks.sizeOf(origin);
  }

  listOf(origin: string): ReadonlyMap<string, ListTerm> {
    return this.blocks.listOf(origin);
  }

  setDegraded(part: string, reason: string | null): void {
    if (reason === null) this.degraded.delete(part);
    else this.degraded.set(part, reason);
  }
}
