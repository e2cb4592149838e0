/** What the management API needs of a node's events. */
import type { SecurityEvent } from '#events/security-event.ts';

export interface EventControl {
  /** The newest first. */
  list(limit: number): readonly SecurityEvent[];
}
