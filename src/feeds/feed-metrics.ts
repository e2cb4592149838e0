/** `weir_feed_*`: how the loads of each feed went, and what is on it. */
import type { MetricFamily, MetricRegistry } from '#telemetry/metrics.ts';
import type { FeedStatus } from './feed.ts';

export type FeedResult = 'loaded' | 'unchanged' | 'failed';

export const feedFamilies = {
  loads: {
    name: 'weir_feed_loads_total',
    type: 'counter',
    help: 'Looks at a feed, by what came of them.',
  },
  entries: {
    name: 'weir_feed_entries',
    type: 'gauge',
    help: 'Entries of a feed that are enforced.',
  },
  leftOut: {
    name: 'weir_feed_left_out',
    type: 'gauge',
    help: 'Entries of a feed that no list may block, by why.',
  },
  checked: {
    name: 'weir_feed_checked_timestamp_seconds',
    type: 'gauge',
    help: 'When a feed was last found good.',
  },
} as const satisfies Record<string, MetricFamily>;

export class FeedCounts {
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  count(feed: string, result: FeedResult): void {
    const { name, help } = feedFamilies.loads;
    this.#registry.counter(name, help, { feed, result }).value++;
  }

  /** As it stands after a look. */
  observe({ name: feed, entries, leftOut, checkedAt }: FeedStatus): void {
    this.#gauge('entries', { feed }, entries);
    for (const [why, count] of Object.entries(leftOut))
      this.#gauge('leftOut', { feed, why }, count);
    if (checkedAt !== null) this.#gauge('checked', { feed }, Date.parse(checkedAt) / 1_000);
  }

  forget(feed: string): void {
    for (const { name } of Object.values(feedFamilies)) this.#registry.forget(name, { feed });
  }

  #gauge(
    key: 'entries' | 'leftOut' | 'checked',
    labels: Readonly<Record<string, string>>,
    value: number,
  ): void {
    const { name, help } = feedFamilies[key];
    this.#registry.gauge(name, help, labels).value = value;
  }
}
