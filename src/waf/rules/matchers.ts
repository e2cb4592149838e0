/** What the planner needs of the automata compiler (`src/waf/match/`). */

export type Compiled = {
  /** Position independent; `matchPattern` in the guest reads it. */
  readonly bytes: Uint8Array;
  readonly kind: 'constant' | 'literal' | 'dfa' | 'lazy';
  readonly stateCount: number;
};

export interface Matchers {
  /** A problem is a sentence: the construct, and where. */
  pattern(source: string): Compiled | { readonly problem: string };
  /** For `capturePattern` in the guest. */
  captures(source: string): Uint8Array;
  phraseSet(phrases: readonly string[]): Uint8Array;
  /** Nothing shorter matches, as far as that is known. */
  bytesMin(member: ScanMember): number;
  /** Kinds of bytes: whatever matches has a byte of one of them. */
  cover(member: ScanMember): bigint;
  /** Members that together say what this one says, and more of what it cannot match. */
  parts(member: ScanMember): readonly ScanMember[];
  /** Candidate bits in this order. */
  scanSet(members: readonly ScanMember[]): Uint8Array;
}

export type ScanMember =
  | {
      readonly kind: 'pattern';
      readonly source: string;
      /** Of the strings that it may match only those with rare bytes, or those without (`plain-strings.ts`). */
      readonly strings?: 'rare' | 'plain';
    }
  | { readonly kind: 'phrases'; readonly phrases: readonly string[] };
