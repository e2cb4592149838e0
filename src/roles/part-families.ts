/** Series that parts count in, so that the node knows them before anything is counted: a line for each. */
import { eventFamilies } from './worker-events.ts';

export const partFamilies = [...Object.values(eventFamilies)];
