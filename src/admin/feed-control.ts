/** What the management API needs of a node's feeds. */
import type { FeedStatus } from '#feeds/feed.ts';

export interface FeedControl {
  list(): readonly FeedStatus[];
  /** Throws FEED_UNKNOWN. */
  show(name: string): FeedStatus;
  /** Looks at it now. Throws FEED_UNKNOWN. */
  refresh(name: string): Promise<FeedStatus>;
}
