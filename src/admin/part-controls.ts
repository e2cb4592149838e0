/** What the management API needs of the parts of a node (`#roles/node-parts.ts`): a line for each. */
import type { EventControl } from './event-control.ts';
import type { ExclusionControl } from './exclusion-control.ts';
import type { FeedControl } from './feed-control.ts';
import type { InspectControl } from './inspect-control.ts';
import type { ReplayControl } from './replay-control.ts';

export type PartControls = {
  readonly events: EventControl;
  readonly exclusions: ExclusionControl;
  readonly feeds: FeedControl;
  readonly inspection: InspectControl;
  readonly replay: ReplayControl;
};
