/** Feeds of the node: followed by this process, enforced as part of its block list. */
import type { FeedControl } from '#admin/feed-control.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import type { Cidr } from '#core/ip.ts';
import type { FeedStatus } from '#feeds/feed.ts';
import { FeedCounts } from '#feeds/feed-metrics.ts';
import { Feeds } from '#feeds/feeds.ts';
import { listsOfNode } from './node-lists.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import { protectedRanges } from './protected-addresses.ts';

export class NodeFeeds implements NodePart, FeedControl {
  readonly name = 'feeds';
  readonly #host: NodePartHost;
  readonly #counts: FeedCounts;
  #feeds: Feeds | null = null;
  #config: Config | null = null;

  constructor(host: NodePartHost) {
    this.#host = host;
    this.#counts = new FeedCounts(host.registry);
  }

  start(config: Config): Promise<void> {
    this.#config = config;
    // After an upgrade that did not get there the node stands already.
    return this.#host.node() === null ? Promise.resolve() : this.ready();
  }

  async ready(): Promise<void> {
    assert(this.#config !== null, 'it was started');
    const { log } = this.#host;
    const { kept, lists } = listsOfNode(this.#host);
    for (const reason of kept.broken)
      log.error({ reason }, 'kept list not used, it is fetched anew');
    this.#feeds = new Feeds({
      lists,
      facts: kept.kept,
      counts: this.#counts,
      log,
    });
    await this.follow(this.#config);
  }

  async follow(config: Config): Promise<void> {
    this.#config = config;
    try {
      await this.#feeds?.follow(config.feeds, guardedRanges(config));
      this.#host.setDegraded('feeds', null);
    } catch (error) {
      // A feed that has left the configuration and whose entries are still in force.
      this.#host.setDegraded('feeds', describeError(error));
    }
  }

  status(): FeedStatus[] {
    return this.#feeds?.list() ?? [];
  }

  list(): readonly FeedStatus[] {
    return this.status();
  }

  show(name: string): FeedStatus {
    return this.#live().status(name);
  }

  refresh(name: string): Promise<FeedStatus> {
    return this.#live().refresh(name);
  }

  close(): void {
    this.#feeds?.close();
    this.#feeds = null;
  }

  #live(): Feeds {
    assert(this.#feeds !== null, 'the management API comes up with the parts');
    return this.#feeds;
  }
}

/**
 * What no entry of a list may touch. `edge.allow` is not among it: that wins where lists are enforced, so that a range
 * that holds an allowed address keeps out all others of it.
 */
export const guardedRanges = (config: Config): Cidr[] =>
  protectedRanges({ ...config, edge: { ...config.edge, allow: [] } });
