/** What this node was told to keep out, over one database: its block list and its rules. */
import { BlockStore } from './block-store.ts';
import { RuleStore } from './rule-store.ts';
import { StateDatabase } from './state-database.ts';

export type DecisionStores = {
  readonly blocks: BlockStore;
  readonly rules: RuleStore;
  close(): void;
};

/** Throws STATE_UNUSABLE; the file is then as it was. */
export function openDecisionStores(directory: string): DecisionStores {
  const state = StateDatabase.open(directory);
  return state.attempt(() => ({
    blocks: new BlockStore(state),
    rules: new RuleStore(state),
    close: () => state.close(),
  }));
}
