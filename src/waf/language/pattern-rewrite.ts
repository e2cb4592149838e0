/**
 * Patterns with look-around that say the same without it. Linear-time matching has no look-around, yet
 * older rule sets use it for little: `<\?(?!xml)`, `(?<!&amp|&apos);|['"=]`. At the very end of a pattern
 * "not followed by one of these words" is a choice that can be spelled out, byte by byte:
 *
 *   <\?(?!xml)   =   <\?(?:$|[^x]|x(?:$|[^m]|m(?:$|[^l])))
 *
 * and at the very beginning of an alternative "not preceded by" is the same, mirrored. Whether there is a
 * match is unchanged; how long it is, is not, so a rule that captures groups is left alone. Possessive
 * quantifiers become greedy ones: where they differ, the greedy one may match where the other would not.
 */
import { finiteWords } from './finite-words.ts';

export type RewrittenPattern = {
  readonly source: string;
  readonly what: string;
  /** Whether there is a match is the same for every value. */
  readonly isExact: boolean;
};

/** Null where nothing of the kind is in the pattern. */
export function rewritePattern(source: string): RewrittenPattern | null {
  // Spelled-out bytes know no case.
  const isPlain = !/\(\?[a-zA-Z]*[ix]/.test(source);
  const spelled = isPlain ? (withoutLookbehind(source) ?? withoutLookahead(source)) : null;
  return spelled ?? withoutPossession(source);
}

/** Whether the pattern captures more than the whole of its match. */
export function hasGroups(source: string): boolean {
  return outsideOf(source).some((piece, index) => index % 2 === 0 && /\((?!\?)/.test(piece));
}

/** Every other piece is an escape or a class of bytes. */
function outsideOf(source: string): string[] {
  return source.split(/(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])/s);
}

function withoutLookahead(source: string): RewrittenPattern | null {
  const parts = /^([^|]*)\(\?!((?:[^()]|\(\?:[^()]*\))*)\)$/.exec(source);
  const words = parts?.[2] === undefined ? null : finiteWords(parts[2]);
  if (words === null || words.includes('') || /\(\?[!=<]/.test(parts?.[1] ?? '')) return null;
  const choice = refusing(words, (next, rest) => `${next}${rest}`, '$');
  return { source: `${parts?.[1]}${choice}`, what: 'its lookahead is spelled out', isExact: true };
}

function withoutLookbehind(source: string): RewrittenPattern | null {
  const parts = /^\(\?<!((?:[^()]|\(\?:[^()]*\))*)\)([^()]*)$/.exec(source);
  const words = parts?.[1] === undefined ? null : finiteWords(parts[1]);
  if (words === null || words.includes('')) return null;
  const mirrored = words.map((word) => [...word].reverse().join(''));
  const choice = refusing(mirrored, (next, rest) => `${rest}${next}`, '^');
  return { source: `${choice}${parts?.[2]}`, what: 'its lookbehind is spelled out', isExact: true };
}

/** A choice of everything that does not go on as one of the words; `edge` is where the text ends. */
function refusing(
  words: readonly string[],
  joined: (next: string, rest: string) => string,
  edge: '^' | '$',
): string {
  const byFirst = new Map<string, string[]>();
  for (const word of words) {
    const first = word.charAt(0);
    byFirst.set(first, [...(byFirst.get(first) ?? []), word.slice(1)]);
  }
  const choices = [edge, `[^${[...byFirst.keys()].map(classByte).join('')}]`];
  for (const [first, rests] of byFirst) {
    // A word that ends here is refused whatever comes behind it.
    if (!rests.includes('')) choices.push(joined(literal(first), refusing(rests, joined, edge)));
  }
  return `(?:${choices.join('|')})`;
}

function withoutPossession(source: string): RewrittenPattern | null {
  const greedy = outsideOf(source).map((piece, index) => {
    if (index % 2 === 1) return piece;
    // A quantifier's sign may stand right behind an escape or a class, so at the start of a piece.
    return piece.replace(/([*+?]|\{[0-9,]+\})\+/g, '$1');
  });
  const changed = greedy.join('');
  return changed === source
    ? null
    : { source: changed, what: 'its possessive quantifiers are greedy', isExact: false };
}

const classByte = (byte: string): string => (/[\w&;<>='"# ]/.test(byte) ? byte : `\\${byte}`);
const literal = (byte: string): string => (/[\w&;<>='"# ]/.test(byte) ? byte : `\\${byte}`);
