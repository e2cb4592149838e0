/**
 * The rule image: what a rule set is for the guest. One blob of little-endian words that only the guest reads,
 * laid out once at build time; every address in it is an offset from its first byte, and 0 is none.
 *
 * ```
 * header │ texts │ macros │ targets │ links │ rules │ bit sets │ feeds │ patterns, phrase sets, scan sets
 * ```
 *
 * The guest's side is `wasm-rules/seclang/layout.ts`; a test holds the two together name by name. A change here
 * raises `imageVersion`, as a guest refuses an image of another one.
 *
 * - text: length, bytes.
 * - macro: number of pieces, pieces.
 * - bit set of rules: 64-bit words, one bit a rule by its index.
 * - mask: 64-bit words, one bit a pattern of the scan set it belongs to.
 */
import { operatorNames } from '#waf/language/operator-names.ts';

export const imageMagic = 0x314c5357;
export const imageVersion = 8;

/** Words of the header. */
export const header = {
  magic: 0,
  version: 1,
  bytes: 2,
  rules: 3,
  ruleCount: 4,
  links: 5,
  linkCount: 6,
  /** Five pairs: first rule, one past the last. Rules stand by phase, in load order within one. */
  phases: 7,
  /** Bit set: rules that run whatever the values are. */
  alwaysRules: 17,
  /** By source: a pair of class tables, for values and for names. */
  feeds: 18,
  /** Two triples, for requests and for responses: scan set, words of its masks, uses of its patterns. */
  scans: 19,
  slotCount: 25,
  /** Names of TX variables by slot. */
  slotNames: 26,
  settings: 27,
  /** Bit set words in 64 bits. */
  ruleWords: 28,
  /** As `feeds`, for what the scan of responses finds. */
  responseFeeds: 29,
  /** Slots of `thresholdNames`, and 1; 0: no rule names them. */
  inboundSlot: 30,
  outboundSlot: 31,
  /** What is done for rules that ask for it, and for no others: bits of `need`. */
  needs: 32,
  /** Number of slots that they name, and the slots. */
  keptSlots: 33,
  size: 34,
} as const;

/** Of phases 3 to 5 the head of the request and names that it made; of any phase the time. */
export const need = { head: 1, madeNames: 2, time: 4 } as const;

/** Words of a rule. */
export const ruleWord = {
  id: 0,
  firstLink: 1,
  linkCount: 2,
  disruption: 3,
  flags: 4,
  status: 5,
  /** One more than the index of the rule to go on with after a match; 0: the next one. */
  leap: 6,
  message: 7,
  logData: 8,
  location: 9,
  severity: 10,
  /** Number, then macros: only tags with references in them. */
  tags: 11,
  phase: 12,
  size: 16,
} as const;

export const ruleFlag = { logged: 1, audited: 2 } as const;

export const disruption = {
  pass: 0,
  deny: 1,
  drop: 2,
  redirect: 3,
  allowAll: 4,
  allowRequest: 5,
  allowPhase: 6,
} as const;

/** Words of a link. */
export const linkWord = {
  targets: 0,
  targetCount: 1,
  exclusions: 2,
  exclusionCount: 3,
  operator: 4,
  flags: 5,
  /** By operator: a pattern, a phrase set, a text, ranges, a byte map. */
  operand: 6,
  operandBytes: 7,
  /** Of an argument with references. */
  argument: 8,
  captures: 9,
  /** One byte each. */
  transformations: 10,
  transformationCount: 11,
  setVariables: 12,
  setVariableCount: 13,
  controls: 14,
  controlCount: 15,
  chain: 16,
  /** One more than the bit of the scan without which the operator cannot find anything; 0: none. */
  scanBit: 17,
  size: 20,
} as const;

/** In the place of a capture program: the whole value is TX.0, and there is nothing else. */
export const capturesWhole = 1;

export const linkFlag = {
  negated: 1,
  capturing: 2,
  multiMatch: 4,
  /** Its values come from the scan of all values. */
  scanned: 8,
} as const;

/** Words of a target. */
export const targetWord = {
  /** First source, second source << 8 (255: none), part << 16, count << 24. */
  sources: 0,
  selector: 1,
  /** Text of the name in lower case, or the pattern. */
  name: 2,
  /** What a match is called: `ARGS`, and `:name` behind it where the value has one. */
  label: 3,
  slot: 4,
  /** Of the guest's own making: which slots an expression takes. */
  slotBits: 5,
  size: 6,
} as const;

export const selectorKind = { all: 0, name: 1, regex: 2 } as const;
export const part = { value: 0, name: 1 } as const;
export const noSource = 255;

/** Words of a piece of a macro. */
export const pieceWord = { kind: 0, value: 1, name: 2, slot: 3, size: 4 } as const;
export const pieceKind = { text: 0, variable: 1, slot: 2 } as const;

export const setWord = {
  slot: 0,
  name: 1,
  change: 2,
  valueKind: 3,
  number: 4,
  value: 5,
  size: 6,
} as const;
export const noSlot = 0xffff_ffff;
export const change = { set: 0, add: 1, subtract: 2, unset: 3 } as const;
export const valueKind = { number: 0, text: 1, macro: 2 } as const;

export const controlWord = { kind: 0, value: 1, target: 2, size: 4 } as const;
export const controlKind = {
  ruleEngine: 0,
  removeRules: 1,
  removeTarget: 2,
  bodyProcessor: 3,
  requestBodyAccess: 4,
  forceRequestBody: 5,
  responseBodyAccess: 6,
  audit: 7,
} as const;
export const engineMode = { off: 0, on: 1, detectionOnly: 2 } as const;
export const bodyProcessor = { none: 0, URLENCODED: 1, MULTIPART: 2, XML: 3, JSON: 4 } as const;

/** A class table: default trie, number of names, then pairs of name and trie. */
export const classWord = { defaultTrie: 0, count: 1, entries: 2 } as const;

/** A node of a trie of transformation chains. The root has no transformation. */
export const nodeWord = {
  transformation: 0,
  chain: 1,
  /** Mask of the patterns that look at this string; 0: none. */
  mask: 2,
  /** All masks of this node and those below. */
  subtreeMask: 3,
  /** A table of `childWord`, and how many there are. */
  children: 4,
  childCount: 5,
  /** 64 bits, filled in by the guest: kinds of bytes that let something below change a string. */
  kinds: 6,
  /** 64 bits: whatever a pattern that looks at this string matches has a byte of one of these kinds. */
  cover: 8,
  /** 64 bits, filled in by the guest: the same of all patterns here and below, before transformations. */
  need: 10,
  size: 12,
} as const;

/** A child of a node. */
export const childWord = {
  /** 64 bits, filled in by the guest: kinds of bytes that let it or something below it change a string. */
  kinds: 0,
  /** 64 bits: the words of its mask, one laid over the other. */
  folded: 2,
  node: 4,
  /** Shorter strings of the parent cannot become what any pattern of it or below it matches. */
  bytesMin: 5,
  /** 64 bits, filled in by the guest: kinds of which the parent's string has one, if a pattern matches what comes of it. */
  need: 6,
  size: 8,
} as const;

/** Uses of a pattern: number, then pairs of rule and chain. */
export const useWord = { rule: 0, chain: 1, size: 2 } as const;

export const settingWord = {
  engineMode: 0,
  requestBodyAccess: 1,
  requestBodyNoFilesLimitBytes: 2,
  jsonDepthMax: 3,
  argumentsMax: 4,
  responseBodyAccess: 5,
  argumentSeparator: 6,
  /** 64 Ki half words, 0xffff where a code point has no byte; 0: none. */
  unicodeMap: 7,
  size: 8,
} as const;

/** Numbers of operators in a link. */
export const operatorNumber = Object.fromEntries(
  operatorNames.map((name, index) => [name, index]),
) as Readonly<Record<(typeof operatorNames)[number], number>>;

/** Slots of TX.0 to TX.9. */
export const captureSlots = 10;
