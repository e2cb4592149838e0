/** What the management API needs of the parts of a node (`#roles/node-parts.ts`): a line for each. */
import type { EventControl } from './event-control.ts';

export type PartControls = { readonly events: EventControl };
