/** What the parts of a node say in its status: a line for each. */
import type { Static } from 'typebox';
import { eventStatus } from './event-schema.ts';

export const partStatus = { events: eventStatus };

export type PartStatus = { readonly events: Static<typeof eventStatus> };
