/** A process upgrade under load: the next edge takes over the listeners, the one before it drains. */
import type { EdgeProcess } from '../../../test/support/edge-process.ts';

/** Why upgrades cannot be run; empty once the command has them. */
export const upgradeMissing: string =
  '--upgrades needs `weir upgrade`, which this edge does not have yet: run with --upgrades 0';

export async function upgradeEdge(_edge: EdgeProcess): Promise<void> {
  throw new Error(upgradeMissing);
}
