/** What the parts of a node say in its status: a line for each. */
import type { Static } from 'typebox';
import { behaviourStatus } from './behaviour-schema.ts';
import { eventStatus } from './event-schema.ts';

export const partStatus = { events: eventStatus, behaviour: behaviourStatus };

export type PartStatus = {
  readonly events: Static<typeof eventStatus>;
  readonly behaviour: Static<typeof behaviourStatus>;
};
