/**
 * Lists on a node: each change is in force wherever the block list is, then kept on disk, then said.
 *
 * A list can always be had again, so it is enforced before it is durable, unlike what a person asks for: the file is
 * for a start while its source cannot be reached.
 */
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import type { DecisionLists } from '#crowdsec/lapi-client.ts';
import type { FeedLists } from '#feeds/feed.ts';
import { removeListFile, writeListFile } from '#feeds/list-file.ts';
import type { ListChange, ListedBlocks, ListFacts, ListTerm } from '#feeds/listed-blocks.ts';
import type { Logger } from '#telemetry/log.ts';
import type { EdgeNode } from './edge-node.ts';
import type { NodePartHost } from './node-parts.ts';

export type NodeListsOptions = {
  readonly statePath: string;
  readonly lists: ListedBlocks;
  readonly changeLists: (change: ListChange) => Promise<unknown>;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly log: Logger;
};

/** For a part of a node that stands. */
export function listsOfNode({ statePath, setDegraded, log, node }: NodePartHost): {
  readonly live: EdgeNode;
  readonly kept: ListedBlocks;
  readonly lists: NodeLists;
} {
  const live = node();
  const kept = live?.blocks.lists ?? null;
  assert(live !== null && kept !== null, 'the node stands, with its lists');
  const lists = new NodeLists({
    ...{ statePath, lists: kept, setDegraded, log },
    changeLists: (change) => live.blocks.changeLists(change),
  });
  return { live, kept, lists };
}

export class NodeLists implements FeedLists, DecisionLists {
  readonly #options: NodeListsOptions;
  /** Changes are made one after another: what is enforced is what the last of them says. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: NodeListsOptions) {
    this.#options = options;
  }

  sizeOf(origin: string): number {
    return this.#options.lists.sizeOf(origin);
  }

  listOf(origin: string): ReadonlyMap<string, ListTerm> {
    return this.#options.lists.listOf(origin);
  }

  setDegraded(part: string, reason: string | null): void {
    this.#options.setDegraded(part, reason);
  }

  replace(
    origin: string,
    entries: ReadonlyMap<string, ListTerm>,
    facts: ListFacts,
  ): Promise<{ added: number; removed: number }> {
    return this.#oneAtATime(async () => {
      const change = this.#options.lists.replace(origin, entries);
      await this.#enforce(change);
      await this.#keep(origin, facts);
      return { added: change.added.length, removed: change.removed.length };
    });
  }

  /** Some of it; kept when `facts` are given. */
  change(
    origin: string,
    put: ReadonlyMap<string, ListTerm>,
    remove: readonly string[],
    facts: ListFacts | null,
  ): Promise<{ added: number; removed: number }> {
    return this.#oneAtATime(async () => {
      const change = this.#options.lists.change(origin, put, remove);
      await this.#enforce(change);
      if (facts !== null) await this.#keep(origin, facts);
      return { added: change.added.length, removed: change.removed.length };
    });
  }

  touch(origin: string, facts: ListFacts): Promise<void> {
    return this.#oneAtATime(() => this.#keep(origin, facts));
  }

  remove(origin: string): Promise<void> {
    return this.#oneAtATime(async () => {
      await this.#enforce(this.#options.lists.replace(origin, new Map()));
      await removeListFile(this.#options.statePath, origin);
    });
  }

  async #enforce(change: ListChange): Promise<void> {
    if (change.added.length + change.removed.length > 0) await this.#options.changeLists(change);
  }

  /** That it cannot be kept is said, and takes nothing out of force. */
  async #keep(origin: string, facts: ListFacts): Promise<void> {
    const { statePath, lists, setDegraded, log } = this.#options;
    const part = `list ${origin} on disk`;
    try {
      await writeListFile(statePath, origin, facts, lists.listOf(origin));
      setDegraded(part, null);
    } catch (error) {
      const reason = describeError(error);
      setDegraded(part, `${reason}: it is in force, and not kept over a restart`);
      log.error({ origin, reason }, 'list not kept');
    }
  }

  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#work.then(change);
    this.#work = result.catch(() => {});
    return result;
  }
}
