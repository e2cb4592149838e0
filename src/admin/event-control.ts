/** What the management API needs of a node's events. */
import type { CountedBy, EventCount, EventFilter, StoredEvent } from '#events/event-store.ts';

export interface EventControl {
  /** The newest that suit, oldest first; with `after` the oldest behind that place. */
  list(filter: EventFilter, limit: number, after: number | null): Promise<readonly StoredEvent[]>;
  /** What comes from now on stands behind it. */
  readonly newestPlace: number;
  /** By its id, or that of its request; `last` is the newest. Throws EVENT_UNKNOWN. */
  find(id: string): Promise<StoredEvent>;
  counts(
    by: CountedBy,
    filter: EventFilter,
    sinceMs: number,
    limit: number,
  ): Promise<readonly EventCount[]>;
}
