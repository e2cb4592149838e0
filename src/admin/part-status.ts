/** What the parts of a node say in its status: a line for each. */
import Type, { type Static } from 'typebox';
import { behaviourStatus } from './behaviour-schema.ts';
import { crowdsecStatus } from './crowdsec-schema.ts';
import { eventStatus } from './event-schema.ts';
import { feedStatus } from './feed-schema.ts';
import { replayStatus } from './replay-schema.ts';

const feedStatuses = Type.Array(feedStatus);

export const partStatus = {
  events: eventStatus,
  feeds: feedStatuses,
  crowdsec: crowdsecStatus,
  behaviour: behaviourStatus,
  replay: replayStatus,
};

export type PartStatus = {
  readonly events: Static<typeof eventStatus>;
  readonly feeds: Static<typeof feedStatuses>;
  readonly crowdsec: Static<typeof crowdsecStatus>;
  readonly behaviour: Static<typeof behaviourStatus>;
  readonly replay: Static<typeof replayStatus>;
};
