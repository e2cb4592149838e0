/** What a pattern says, once it is read: flags are gone, each set holds both cases where case is ignored. */
import type { ByteSet } from './byte-set.ts';

/**
 * `start` and `end` are those of the subject; `end` never stands before a final newline (DOLLAR_ENDONLY).
 * `lineStart` and `lineEnd` are what `^` and `$` become under `(?m)`.
 */
export type Assertion =
  | 'start'
  | 'end'
  | 'lineStart'
  | 'lineEnd'
  | 'wordBoundary'
  | 'notWordBoundary';

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  /** A capturing one; its number begins at 1. */
  | { readonly kind: 'group'; readonly number: number; readonly node: PatternNode }
  | { readonly kind: 'sequence'; readonly nodes: readonly PatternNode[] }
  /** The first that leads to a match is taken. */
  | { readonly kind: 'choice'; readonly nodes: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly node: PatternNode;
      readonly min: number;
      /** Null: without end. */
      readonly max: number | null;
      readonly isLazy: boolean;
    };

export type Pattern = {
  readonly node: PatternNode;
  readonly groupsTotal: number;
};

/** Why a pattern is refused, and where: `offset` counts bytes of its source. */
export type PatternProblem = {
  readonly offset: number;
  readonly words: string;
};
