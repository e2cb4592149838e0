/** What a node keeps in its state directory of what it and its fleet decided, opened and closed together. */
import { wallMs } from '#core/clock.ts';
import { DecisionLog, type DecisionLogOptions } from '#decisions/decision-log.ts';
import { openLists } from '#feeds/list-file.ts';
import type { ListedBlocks } from '#feeds/listed-blocks.ts';
import { type DecisionStores, openDecisionStores } from '#state/decision-stores.ts';

export type NodeStores = DecisionStores & {
  readonly fleet: DecisionLog | null;
  /** What lists say, as it was kept. */
  readonly lists: ListedBlocks;
};

/** Who this node is in its fleet, and whom it believes; null where it is in none. */
export type FleetIdentity = Pick<DecisionLogOptions, 'trust' | 'self' | 'protected'>;

/** Throws STATE_UNUSABLE; the files are then as they were. */
export function openNodeStores(directory: string, identity: FleetIdentity | null): NodeStores {
  const stores = openDecisionStores(directory);
  try {
    const fleet = identity === null ? null : DecisionLog.open({ directory, ...identity }, wallMs());
    return {
      ...stores,
      ...{ fleet, lists: openLists(directory) },
      close: () => {
        stores.close();
        fleet?.close();
      },
    };
  } catch (error) {
    stores.close();
    throw error;
  }
}
