/** Series that parts count in, so that the node knows them before anything is counted: a line for each. */
import { crowdsecFamilies } from '#crowdsec/crowdsec-metrics.ts';
import { feedFamilies } from '#feeds/feed-metrics.ts';
import { loginFamilies } from '#proxy/logins/login-filter.ts';
import { rateFamilies } from '#proxy/rates/rate-metrics.ts';
import { behaviourFamilies } from './node-behaviour.ts';
import { exclusionFamilies } from './node-exclusions.ts';
import { shadowFamilies } from './node-shadows.ts';
import { eventFamilies } from './worker-events.ts';
import { replayFamilies } from './worker-replay.ts';

export const partFamilies = [
  ...Object.values(eventFamilies),
  ...Object.values(exclusionFamilies),
  ...Object.values(feedFamilies),
  ...Object.values(crowdsecFamilies),
  ...Object.values(rateFamilies),
  ...Object.values(behaviourFamilies),
  ...Object.values(loginFamilies),
  ...Object.values(replayFamilies),
  ...Object.values(shadowFamilies),
];
