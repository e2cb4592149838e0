/**
 * The feeds a node follows, as its configuration names them now. One that is new is loaded, one that says something
 * else is loaded anew beside what stands, and one that is gone takes its entries along.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FeedSettings } from '#config/feed-schema.ts';
import { WeirError } from '#core/errors.ts';
import type { Cidr } from '#core/ip.ts';
import { nearestName } from '#core/nearest-name.ts';
import type { Logger } from '#telemetry/log.ts';
import { Feed, type FeedLists, type FeedStatus, originOf } from './feed.ts';
import type { FeedCounts } from './feed-metrics.ts';
import { ListGuard } from './list-guard.ts';
import type { ListFacts } from './listed-blocks.ts';

export type FeedsOptions = {
  readonly lists: FeedLists;
  /** What was kept of each list, by origin. */
  readonly facts: ReadonlyMap<string, ListFacts>;
  readonly counts: FeedCounts;
  readonly log: Logger;
};

type Followed = { readonly feed: Feed; readonly settings: FeedSettings };

export class Feeds {
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, Followed>();
  #protected: readonly Cidr[] = [];
  #hasBegun = false;

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  /** Resolves when what has left is out of force; what is new loads meanwhile. */
  async follow(
    settings: Readonly<Record<string, FeedSettings>>,
    protectedRanges: readonly Cidr[],
  ): Promise<void> {
    const { lists, facts } = this.#options;
    const isGuardedAnew =
      JSON.stringify(protectedRanges.map(({ text }) => text)) !==
      JSON.stringify(this.#protected.map(({ text }) => text));
    this.#protected = protectedRanges;
    for (const [name, { feed }] of this.#feeds) {
      if (settings[name] !== undefined) continue;
      feed.close();
      this.#feeds.delete(name);
      this.#options.counts.forget(name);
      await lists.remove(originOf(name));
    }
    // At the start: what the process before followed and this one does not.
    const left = this.#hasBegun ? [] : facts.keys();
    this.#hasBegun = true;
    for (const origin of left)
      if (origin.startsWith('feed:') && settings[origin.slice(5)] === undefined)
        await lists.remove(origin);
    for (const [name, one] of Object.entries(settings)) {
      const known = this.#feeds.get(name);
      if (known !== undefined && isDeepStrictEqual(known.settings, one)) {
        if (isGuardedAnew) void known.feed.guardBy(this.#guardOf(one));
        continue;
      }
      known?.feed.close();
      this.#begin(name, one, known === undefined ? (facts.get(originOf(name)) ?? null) : null);
    }
  }

  list(): FeedStatus[] {
    return [...this.#feeds.values()].map(({ feed }) => feed.status());
  }

  /** Throws FEED_UNKNOWN. */
  status(name: string): FeedStatus {
    return this.#find(name).status();
  }

  /** Looks at it now. Throws FEED_UNKNOWN. */
  refresh(name: string): Promise<FeedStatus> {
    return this.#find(name).refresh();
  }

  /** Their entries stay. */
  close(): void {
    for (const { feed } of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #begin(name: string, settings: FeedSettings, facts: ListFacts | null): void {
    const { lists, counts, log } = this.#options;
    const guard = this.#guardOf(settings);
    const feed = new Feed({ name, settings, guard, lists, facts, counts, log });
    this.#feeds.set(name, { feed, settings });
    void feed.refresh();
  }

  #guardOf({ allowPrivate }: FeedSettings): ListGuard {
    return new ListGuard(this.#protected, allowPrivate);
  }

  #find(name: string): Feed {
    const found = this.#feeds.get(name)?.feed;
    if (found !== undefined) return found;
    const near = nearestName(name, [...this.#feeds.keys()]);
    throw new WeirError(
      'FEED_UNKNOWN',
      `no feed is named "${name}"${near === null ? '' : `; is it ${near}?`}`,
    );
  }
}
