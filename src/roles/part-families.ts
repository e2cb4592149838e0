/** Series that parts count in, so that the node knows them before anything is counted: a line for each. */
import { shadowFamilies } from './node-shadows.ts';
import { eventFamilies } from './worker-events.ts';
import { replayFamilies } from './worker-replay.ts';

export const partFamilies = [
  ...Object.values(eventFamilies),
  ...Object.values(replayFamilies),
  ...Object.values(shadowFamilies),
];
