/**
 * What every match needs, told from outside the automaton: one of some literals, kinds of bytes, a length, a
 * first byte. The prefilter (`scan-set.ts`) asks for these alone; it may say "perhaps" too often and "no" only
 * where the pattern cannot match.
 */
import { everyKind } from './byte-kinds.ts';
import type { ByteSet } from './byte-set.ts';
import { type KindForm, meetsForm, singles } from './kind-forms.ts';
import { presenceOfAnyKind } from './kind-masks.ts';

export type Requirement = {
  /** Each subject that matches holds one of them, ASCII letters in any case; in lower case here. Null: unknown. */
  readonly literals: readonly string[] | null;
  /** Each subject that matches has a byte of every one of these kinds. */
  readonly allKinds: bigint;
  /** Of each of these sets of kinds it has one. */
  readonly anyKinds: readonly bigint[];
  /** It has all kinds of one of these sets (`kind-forms.ts`). Null: not asked. */
  readonly form: KindForm | null;
  readonly lengthMin: number;
  /** Where matches lie at the start only: the bytes that can stand there. */
  readonly firstBytes: ByteSet | null;
};

/** Says nothing: whatever asks for it is always a candidate. */
export const noRequirement: Requirement = {
  literals: null,
  allKinds: 0n,
  anyKinds: [],
  form: null,
  lengthMin: 0,
  firstBytes: null,
};

/** The scan tells lengths apart up to here. */
export const tellableBytesMax = 31;

/** The most telling set of kinds of which each subject that matches has one; all kinds where none is known. */
export function coverOf({ allKinds, anyKinds }: Requirement): bigint {
  let best = everyKind;
  for (const set of [...singles(allKinds), ...anyKinds])
    if (presenceOfAnyKind(set) < presenceOfAnyKind(best)) best = set;
  return best;
}

/** Whether a subject can match as far as kinds, length and first byte say; the guest's answer must be the same. */
export function meetsRequirement(
  requirement: Requirement,
  kinds: bigint,
  subject: Uint8Array,
): boolean {
  return (
    (requirement.allKinds & ~kinds) === 0n &&
    requirement.anyKinds.every((any) => (any & kinds) !== 0n) &&
    (requirement.form === null || meetsForm(requirement.form, kinds)) &&
    subject.length >= Math.min(requirement.lengthMin, tellableBytesMax) &&
    (requirement.firstBytes === null || requirement.firstBytes[subject[0] ?? 256] === 1)
  );
}
