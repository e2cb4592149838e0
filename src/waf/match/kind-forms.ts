/**
 * Kinds of bytes by alternatives: a match of `(?:time|;|\|)x` has t, i, m, e and x, or `;` and x, or `|` and x. A
 * form is such a list of sets of kinds, of which one must be there whole. It tells apart what the masks of
 * `kind-masks.ts` cannot: commands with quotes allowed between all their letters have no literal and no byte in
 * common, but ordinary words seldom have all letters of one of them.
 */
import { kindHigh, kindLow, kindsTotal } from './byte-kinds.ts';
import { type KindMasks, presenceOfKinds } from './kind-masks.ts';
import type { PatternNode } from './syntax-tree.ts';

/** Sets in one form. */
export const formSetsMax = 256;
/** What masks leave alone in ordinary values more often than this is worth a form. */
const worthPresence = 0.25;
/** A form has to take a fifth of what is left, at least. */
const gainMax = 0.8;

export type KindForm = readonly bigint[];

/** The most telling form of a pattern, where masks alone do not tell enough. */
export function kindForm(node: PatternNode, masks: KindMasks): KindForm | null {
  const masked = Math.min(
    presenceOfKinds(masks.allKinds),
    ...masks.anyKinds.map((any) => presenceOf(singles(any))),
  );
  if (masked < worthPresence) return null;
  const form = bestOf(factorsOf(node));
  return form !== null && presenceOf(form) < masked * gainMax ? form : null;
}

export function singles(kinds: bigint): KindForm {
  return Array.from({ length: kindsTotal }, (_, kind) => 1n << BigInt(kind)).filter(
    (kind) => (kinds & kind) !== 0n,
  );
}

export function meetsForm(form: KindForm, kinds: bigint): boolean {
  return form.some((set) => (set & ~kinds) === 0n);
}

/** Forms that all have to be met; none where nothing is known. */
function factorsOf(node: PatternNode): readonly KindForm[] {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return [];
    case 'set':
      return formOfSet(node.set);
    case 'group':
      return factorsOf(node.node);
    case 'repeat':
      return node.min === 0 ? [] : factorsOf(node.node);
    case 'sequence':
      return multiplied(node.nodes.flatMap(factorsOf));
    case 'choice': {
      const sets: bigint[] = [];
      for (const alternative of node.nodes) {
        const form = bestOf(factorsOf(alternative));
        if (form === null) return [];
        sets.push(...form);
      }
      const form = reduced(sets);
      return form === null ? [] : [form];
    }
  }
}

function formOfSet(set: Uint8Array): readonly KindForm[] {
  const kinds = new Set<bigint>();
  for (let byte = 0; byte < 256; byte++)
    if (set[byte] === 1)
      kinds.add((BigInt(kindHigh[byte] as number) << 32n) | BigInt(kindLow[byte] as number));
  const form = reduced([...kinds]);
  return form === null ? [] : [form];
}

/** Single sets become one; what stays small is multiplied out. */
function multiplied(factors: readonly KindForm[]): readonly KindForm[] {
  const sorted = factors.toSorted((a, b) => a.length - b.length);
  let whole: KindForm = [0n];
  const rest: KindForm[] = [];
  for (const factor of sorted) {
    const product = whole.length * factor.length <= formSetsMax ? crossed(whole, factor) : null;
    if (product === null) rest.push(factor);
    else whole = product;
  }
  return whole.length === 1 && whole[0] === 0n ? rest : [whole, ...rest];
}

function crossed(a: KindForm, b: KindForm): KindForm | null {
  return reduced(a.flatMap((left) => b.map((right) => left | right)));
}

function bestOf(forms: readonly KindForm[]): KindForm | null {
  let best: KindForm | null = null;
  for (const form of forms) if (best === null || presenceOf(form) < presenceOf(best)) best = form;
  return best;
}

/** Without sets that hold another; null where that says nothing, or there are too many. */
function reduced(sets: readonly bigint[]): KindForm | null {
  const kept: bigint[] = [];
  for (const set of [...new Set(sets)].sort((a, b) => bitsIn(a) - bitsIn(b)))
    if (!kept.some((smaller) => (smaller & ~set) === 0n)) kept.push(set);
  return kept.length === 0 || kept.length > formSetsMax || kept[0] === 0n ? null : kept;
}

function presenceOf(form: KindForm): number {
  let absent = 1;
  for (const set of form) absent *= 1 - presenceOfKinds(set);
  return 1 - absent;
}

function bitsIn(set: bigint): number {
  return set.toString(2).replaceAll('0', '').length;
}
