/** The block store of a folder, closed with its database. */
import { BlockStore } from '../../src/state/block-store.ts';
import { StateDatabase } from '../../src/state/state-database.ts';

export function openBlockStore(
  directory: string,
  rowsMax?: number,
): BlockStore & Disposable & { close(): void } {
  const state = StateDatabase.open(directory);
  const close = (): void => state.close();
  return Object.assign(new BlockStore(state, rowsMax), { close, [Symbol.dispose]: close });
}
