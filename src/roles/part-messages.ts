/** What the halves of a part say to each other, in a worker and in the supervisor's process: a line for each part. */
import type { BehaviourSeen, BehaviourSurges } from '#behaviour/messages.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { CheckAnswer, CheckedRequest } from '#proxy/request-check.ts';
import type { FromReplayPart, ToReplayPart } from './replay-messages.ts';

export type EventsMade = {
  readonly part: 'events';
  readonly events: readonly SecurityEvent[];
  /** All there were when it was asked for them by this number; null: unasked. */
  readonly asked: number | null;
};

/** From a worker. */
export type FromPart =
  | EventsMade
  | { readonly part: 'crowdsec'; readonly id: number; readonly answer: CheckAnswer | null }
  | BehaviourSeen
  | FromReplayPart;

/** To a worker. */
export type ToPart =
  | { readonly part: 'events'; readonly ask: number }
  | { readonly part: 'crowdsec'; readonly id: number; readonly request: CheckedRequest }
  | BehaviourSurges
  | ToReplayPart;
