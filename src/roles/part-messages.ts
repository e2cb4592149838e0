/** What the halves of a part say to each other, in a worker and in the supervisor's process: a line for each part. */
import type { SecurityEvent } from '#events/security-event.ts';

/** From a worker. */
export type FromPart = { readonly part: 'events'; readonly events: readonly SecurityEvent[] };

/** To a worker. */
export type ToPart = never;
