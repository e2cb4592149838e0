/** Bounds of the automata compiler. Each is a number that a pattern meets, and what happens there. */

/** Items of one automaton: numbers of 16 bits. A pattern that needs more is refused. */
export const automatonItemsMax = 60_000;
/** Entries of all its lists together. */
export const automatonEntriesMax = 2_000_000;
/** States before minimising; beyond, the pattern runs lazily. */
export const determinisedStatesMax = 14_000;
/** Items looked at while determinising: some five seconds of work at the most. */
export const determiniseWorkMax = 30_000_000;
/** Of one minimal table; a larger one runs lazily, whose states are few for real requests. */
export const dfaTableBytesMax = 1_048_576;
/** Items of a pattern that runs lazily: the guest marks them in an array of this size. */
export const lazyItemsMax = 16_384;
/** Bits of one scan set: patterns and phrase sets of one phase. */
export const scanBitsMax = 4_096;
/** Bytes of a phrase; no trie is deeper. */
export const phraseBytesMax = 4_096;
/** Nodes of the trie of one phrase set. */
export const phraseNodesMax = 1_000_000;
