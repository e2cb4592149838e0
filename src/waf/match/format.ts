/**
 * The binary formats between this compiler and the guest's matchers, all in one place. The guest's side is
 * `wasm-rules/engine/match/format.ts`; `test/waf/match/format.test.ts` holds the two to each other.
 *
 * Every blob is position independent: words are u32, little endian, and offsets count bytes from the start of
 * the blob, which lies on a multiple of 16. Word 0 tells a blob's kind where there are several, word 1 its
 * length in bytes, a multiple of 16.
 *
 * ```
 * pattern, kind never | always      nothing more
 * pattern, kind literal             length · flags · offset of the bytes (lower case where case is ignored)
 * pattern, kind dfa | largeDfa      start · stride · end column · offset of the table · byte classes: u8[256]
 *     table: rows of `stride` u16. An entry of a dfa is the number of the entry where the next row begins, of a
 *     largeDfa, which has more than 65,535 entries, the number of the row. Row 0 is the match, row 1 is dead; both
 *     end the run. The last entry of a row, the end column, is 1 where a subject that ends there matches.
 * pattern, kind lazy                items · classes · restarts · class words · start restart
 *     · offsets of: start list, item lists, item classes, lists, restart records, restart of class
 *     · two words the guest keeps its cache in · byte classes: u8[256]
 *     item lists: u16[items], a list each, 0 being the match
 *     item classes: u64[items × class words], bit c: the item takes class c
 *     lists: u32[lists + 1] offsets of u16 entries
 *     restart record (4 words): is a subject that ends here a match · offset of u32[items / 32] flags of the
 *         items it holds, 0 where nothing ever restarts · offset of moves: u32[classes], each the offset
 *         of a u16 count and as many items, 0 for the match · 0. The last record is that of the subject's start.
 * captures                          instructions · slots · offset of instructions · offset of sets · what the guest finds out
 *     instruction (3 words): operation · two operands, other instructions by how far on they are; set: u8[32], bit b of the whole: byte b is in it
 * scan set                          words · bits · offsets and counts as in `ScanWord`
 *     rows are bit sets of `words` u64 (an even number), one bit an entry of the set
 * phrase set                        nodes · offsets of: children, labels, fails, reports, roots
 *     The nodes of a trie in breadth-first order, so children of a node lie side by side: children:
 *     u32[nodes + 1], the first child of each; labels: u8[nodes]; fails: u32[nodes]; reports: u16[nodes], the
 *     length of what is reported on arriving, 0 for nothing; roots: u32[256], the children of node 0 by byte.
 *     Word 0 is 0 as it is written: of children there is what each is more than the one before, of fails nothing,
 *     and reports are 1 where a phrase ends. The guest makes the rest of it before the first use: it would be most
 *     of the module on its way.
 * ```
 */
export const PatternKind = {
  never: 0,
  always: 1,
  literal: 2,
  dfa: 3,
  largeDfa: 4,
  lazy: 5,
} as const;

export const LiteralFlag = { ignoreCase: 1, atStart: 2, atEnd: 4 } as const;

/** Words of a pattern, by kind. */
export const LiteralWord = { length: 2, flags: 3, bytesAt: 4, words: 8 } as const;
export const DfaWord = { start: 2, stride: 3, endColumn: 4, tableAt: 5, words: 8 } as const;
export const LazyWord = {
  items: 2,
  classes: 3,
  restarts: 4,
  classWords: 5,
  startCount: 6,
  startAt: 7,
  itemListsAt: 8,
  itemClassesAt: 9,
  listsAt: 10,
  restartsAt: 11,
  restartOfClassAt: 12,
  cacheGeneration: 13,
  cacheStart: 14,
  words: 16,
} as const;

export const CaptureWord = {
  instructions: 2,
  slots: 3,
  instructionsAt: 4,
  setsAt: 5,
  /** The guest's: 0 as it is written, and behind it u8[32] of the bytes that matches begin with. */
  firstsKnown: 6,
  firsts: 8,
  words: 16,
} as const;
export const CaptureOperation = { match: 0, set: 1, split: 2, save: 3, check: 4 } as const;
/** Of `check`. */
export const AssertionNumber = {
  start: 0,
  end: 1,
  lineStart: 2,
  lineEnd: 3,
  wordBoundary: 4,
  notWordBoundary: 5,
} as const;
/** TX.0 to TX.9: pairs of offset and length. */
export const captureWordsMax = 20;

export const ScanWord = {
  words: 2,
  bits: 3,
  /** u8[256]: the class of a byte, below 64; 0 for bytes of no literal. */
  classesAt: 4,
  /**
   * What the guest makes of the literals before its first scan (`wasm-rules/engine/match/scan-index.ts`): here it is room.
   * 2^18 pairs of bits, by three classes: do literals have them at their place, or one byte behind it?
   */
  trigramsAt: 5,
  /** u16 for each 32 of these pairs: how many first bits are set before them. */
  ranksAt: 6,
  /** u32 by the number of a first bit: the first of its checks; the next number's is their end. */
  checkListsAt: 7,
  /**
   * A literal, in 32 bytes: u64 of its bytes, u64 of the bits that count, u64 of the bits set before comparing
   * (letters without case), u8 bytes of the literal, u8 where in it the three lie, u16 0, u32 offset of its row. One of more
   * than eight bytes goes on in a record behind it, which has the u64 alone.
   */
  checksAt: 8,
  /** Row: entries that no literal decides about. */
  alwaysAt: 9,
  /** 16 lanes × 16 values: rows to AND, by each four bits of the kinds. */
  allLanesAt: 10,
  /** As many tables of 16 × 16 rows to OR, their results to AND. */
  anyTables: 11,
  anyLanesAt: 12,
  /** Rows by length of the subject; the last for all that are longer. */
  lengthRows: 13,
  lengthsAt: 14,
  /** u8[256]: the number of the row of a first byte. */
  firstOfByteAt: 15,
  firstsAt: 16,
  /** Forms (4 words each): sets · offset of u64[sets] · offset of the row of all others · offset of its own row. */
  forms: 17,
  formsAt: 18,
  literals: 19,
  /** By literal: u8 bytes, u8 where the three lie, u32 the number of its row; the bytes one behind the other. */
  literalBytesAt: 20,
  literalPlacesAt: 21,
  literalRowsAt: 22,
  literalTextAt: 23,
  rowsAt: 24,
  /** u32 for each check of each list: the number of its record. Made, as above. */
  checkNumbersAt: 25,
  headWords: 28,
} as const;

export const PhraseWord = {
  nodes: 2,
  childrenAt: 3,
  labelsAt: 4,
  failsAt: 5,
  reportsAt: 6,
  rootsAt: 7,
  words: 8,
} as const;
