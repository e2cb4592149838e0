/** What the halves of a part say to each other, in a worker and in the supervisor's process: a line for each part. */
import type { BehaviourSeen, BehaviourSurges } from '#behaviour/messages.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { CheckAnswer, CheckedRequest } from '#proxy/request-check.ts';
import type { FromReplayPart, ToReplayPart } from './replay-messages.ts';

/** From a worker. */
export type FromPart =
  | { readonly part: 'events'; readonly events: readonly SecurityEvent[] }
  | { readonly part: 'crowdsec'; readonly id: number; readonly answer: CheckAnswer | null }
  | BehaviourSeen
  | FromReplayPart;

/** To a worker. */
export type ToPart =
  | { readonly part: 'crowdsec'; readonly id: number; readonly request: CheckedRequest }
  | BehaviourSurges
  | ToReplayPart;
