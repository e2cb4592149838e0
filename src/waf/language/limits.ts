/** Bounds of what is read, so that a wrong or hostile file ends in a problem and never in a full memory. */
export const languageLimits = {
  /** Of one file of rules; the longest of the Core Rule Set has 100 KB. */
  ruleFileBytesMax: 16 * 1024 * 1024,
  /** Of one file of phrases or addresses. */
  dataFileBytesMax: 32 * 1024 * 1024,
  /** Files read for one rule set, each time they are included. */
  filesMax: 2_000,
  /** Files that include each other. */
  includeDepthMax: 16,
  /** Of all files together. */
  bytesMax: 64 * 1024 * 1024,
  /** Of one directive, its continuation lines joined. */
  directiveBytesMax: 1024 * 1024,
  /** Rules and markers. */
  rulesMax: 50_000,
  chainLinksMax: 64,
  targetsMax: 1_000,
  actionsMax: 1_000,
  /** Phrases or addresses of one operator. */
  entriesMax: 500_000,
  /** What is found wrong beyond this is not said. */
  problemsMax: 500,
  /** Rule ids are 32-bit numbers in the engine and in logs. */
  ruleIdMax: 2_147_483_647,
} as const;
