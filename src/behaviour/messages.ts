/** What workers tell of their requests, and what they are told. */
import type { AddressTally, RouteTally } from './behaviour.ts';

/** Of one worker, since it told last. */
export type BehaviourSeen = {
  readonly part: 'behaviour';
  readonly addresses: readonly AddressTally[];
  readonly routes: readonly RouteTally[];
  /** Addresses whose logins failed too often, to be blocked for so long. */
  readonly logins: readonly { readonly address: string; readonly seconds: number }[];
};

/** Routes whose requests are challenged: all there are. */
export type BehaviourSurges = {
  readonly part: 'behaviour';
  readonly surges: readonly { readonly route: string; readonly untilMs: number }[];
};
