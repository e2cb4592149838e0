/**
 * The fields a request gains on its way to the upstream: the route's own, those of its modules, and what is
 * left of its cookies without the edge's. Those it loses are marked on the view.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import { withoutPass } from './challenge/pass-cookie.ts';
import { applyEdits } from './field-edits.ts';
import { type AddedFields, noFields } from './header-edits.ts';
import type { CompiledRoute, Snapshot } from './snapshot.ts';

export function fieldsForUpstream(
  view: RequestView,
  route: CompiledRoute,
  snapshot: Snapshot,
  transaction: Transaction | null,
): AddedFields {
  let added = route.requestEdits === null ? noFields : route.requestEdits.apply(view);
  if (transaction !== null) added = applyEdits(view, transaction.requestEdits, added);
  // Passes are for the host, whichever of its routes has modules.
  return snapshot.givesPasses ? withoutPass(view, added) : added;
}
