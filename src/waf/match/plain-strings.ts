/**
 * What a pattern needs of strings without rare bytes. Patterns made against evasion allow quotes, brackets and
 * backslashes between all letters of a word, so they have no literal; but a string in which none of these bytes
 * stands has to hold the words themselves. So its matches are of two sorts: in strings that have a rare byte, and in
 * those that have none, where the pattern is what is left of it without these bytes, and mostly has literals.
 *
 * Which bytes are rare is chosen for each pattern: as few as do, as what holds one of them is left to the automaton.
 */
import { kindHigh, kindLow, kindNumbers, kindsTotal } from './byte-kinds.ts';
import { kindsByPresence, presenceOfAnyKind, presenceOfKind } from './kind-masks.ts';
import { literalFrequency } from './literal-frequency.ts';
import { requiredLiterals } from './literals.ts';
import type { Requirement } from './requirement.ts';
import type { PatternNode } from './syntax-tree.ts';

/** Both together are what the pattern needs: a string that meets neither does not match. */
export type SplitRequirement = { readonly rare: Requirement; readonly plain: Requirement };

/** Kinds that more of ordinary values have than this are never rare; those that fewer have than the second, always. */
const rareMax = 0.16;
const rareMin = 0.01;
/** Places of an ordinary value at which a literal may stand. */
const typicalPlaces = 20;
/** A value that is left to the automaton more often than this is not worth two entries of a scan. */
const worthPresence = 0.5;

/** Null where nothing is gained: the pattern has literals, or none in strings without rare bytes either. */
export function splitRequirement(
  node: PatternNode,
  requirement: Requirement,
): SplitRequirement | null {
  if (requirement.literals !== null) return null;
  let best = plainOf(node, rareKinds());
  if (best === null) return null;
  for (const kind of kindsByPresence) {
    const bit = 1n << BigInt(kind);
    if ((best.rare & bit) === 0n || presenceOfKind(kind) < rareMin) continue;
    const fewer = plainOf(node, best.rare & ~bit);
    if (fewer !== null && fewer.presence < best.presence) best = fewer;
  }
  if (best.presence > worthPresence) return null;
  return {
    rare: { ...requirement, anyKinds: [...requirement.anyKinds, best.rare] },
    plain: { ...requirement, literals: best.literals, form: null },
  };
}

type Plain = {
  readonly rare: bigint;
  readonly literals: readonly string[];
  /** How likely an ordinary value is left to the automaton. */
  readonly presence: number;
};

function plainOf(node: PatternNode, rare: bigint): Plain | null {
  const rest = withoutKinds(node, rare);
  const literals = rest === null ? null : requiredLiterals(rest);
  if (literals === null) return null;
  let frequency = 0;
  for (const literal of literals) frequency += literalFrequency(literal);
  return { rare, literals, presence: presenceOfAnyKind(rare) + frequency * typicalPlaces };
}

/** Letters and digits are never rare, as words are made of them. */
function rareKinds(): bigint {
  let kinds = 0n;
  for (let kind = 0; kind < kindsTotal; kind++) {
    const isOfWords = kind > kindNumbers.control && kind <= kindNumbers.upper;
    const isLetter = kind > kindNumbers.highHigh;
    if (!isOfWords && !isLetter && presenceOfKind(kind) <= rareMax) kinds |= 1n << BigInt(kind);
  }
  return kinds;
}

/** What is left of a pattern in strings without bytes of these kinds; null: nothing matches there. */
function withoutKinds(node: PatternNode, kinds: bigint): PatternNode | null {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return node;
    case 'set': {
      const set = node.set.map((has, byte) => (has === 1 && !isOfKinds(byte, kinds) ? 1 : 0));
      return set.includes(1) ? { kind: 'set', set } : null;
    }
    case 'group':
      return withoutKinds(node.node, kinds);
    case 'sequence': {
      const nodes: PatternNode[] = [];
      for (const part of node.nodes) {
        const rest = withoutKinds(part, kinds);
        if (rest === null) return null;
        nodes.push(rest);
      }
      return { kind: 'sequence', nodes };
    }
    case 'choice': {
      const nodes = node.nodes
        .map((part) => withoutKinds(part, kinds))
        .filter((part) => part !== null);
      return nodes.length === 0 ? null : { kind: 'choice', nodes };
    }
    case 'repeat': {
      const rest = withoutKinds(node.node, kinds);
      if (rest !== null) return { ...node, node: rest };
      return node.min === 0 ? { kind: 'empty' } : null;
    }
  }
}

function isOfKinds(byte: number, kinds: bigint): boolean {
  const own = (BigInt(kindHigh[byte] as number) << 32n) | BigInt(kindLow[byte] as number);
  return (own & kinds) !== 0n;
}
