/** Sources of patterns out of dice: all that the parser knows, and now and then something it must refuse. */
import { pick } from './near-matches.ts';

type Random = () => number;

const atoms = [
  ...['a', 'b', 'c', 'A', 'B', 'Z', '0', '_', ' ', '-', ',', '\\x00', '\\xff', '\\x{e9}', '\\n'],
  ...['.', '\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '\\h', '\\v', '\\N', '\\.', '\\\\', '\\t'],
  ...['[abc]', '[^a]', '[a-c0-9]', '[\\w.-]', '[[:alpha:]]', '[[:^upper:]_]', '[]a]', '[^]]'],
  ...['[\\x80-\\xff]', '[^\\n]', '\\101', '\\0', '\\x', '\\cA', '\\Qa+\\E', '[\\b]', '[A-z]'],
  ...[
    '[[:upper:]]',
    '[[:punct:]]',
    '[\\d\\s]',
    '[a\\-z]',
    '[z-]',
    '\\e',
    '}',
    ']',
    '{',
    'ab',
    'foo',
  ],
] as const;
const assertions = ['^', '$', '\\b', '\\B', '\\A', '\\z', '\\G'] as const;
const quantifiers = [
  ...['*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?', '+?', '??', '{1,2}?'],
  // What stands for nothing between a quantifier and its suffix; a blank does so under (?x).
  ...['{1,2} ?', '+(?#c)?', '{2}\\E?', '* +', '?(?#c)+', ' {2}', '(?#c)*'],
];
const openings = [
  '(',
  '(',
  '(?:',
  '(?:',
  '(?i:',
  '(?-i:',
  '(?s:',
  '(?-s:',
  '(?m:',
  '(?<N>',
  "(?'N'",
];
const flags = ['(?i)', '(?-i)', '(?m)', '(?s)', '(?-s)', '(?x)', '(?^)', '(?U)', '(?n)', '(?#c)'];
const odd = ['(?=a)', '(?<!a)', '(?>a)', 'a++', '\\1', '\\8', '\\R', '\\K', '\\pL', '(?R)', 'a**'];
const odder = [
  '[a',
  ')',
  '\\j',
  '[z-a]',
  '[\\d-z]',
  'a{3,1}',
  '(?z)',
  '[[:foo:]]',
  '^*',
  '\\b+',
  '*a',
];

export function randomPattern(random: Random): string {
  const head = random() < 0.4 ? pick(flags, random) : '';
  return head + choice(random, 3);
}

function choice(random: Random, depth: number): string {
  const alternatives = [sequence(random, depth)];
  while (random() < 0.3) alternatives.push(sequence(random, depth));
  return alternatives.join('|');
}

function sequence(random: Random, depth: number): string {
  let source = '';
  for (let parts = Math.floor(random() * 5); parts > 0; parts--) source += part(random, depth);
  return source;
}

function part(random: Random, depth: number): string {
  const die = random();
  if (die < 0.12) return pick(assertions, random);
  if (die < 0.15) return pick(flags, random);
  if (die < 0.165) return pick(random() < 0.5 ? odd : odder, random);
  const isGroup = depth > 0 && random() < 0.3;
  const atom = isGroup
    ? `${named(pick(openings, random), random)}${choice(random, depth - 1)})`
    : pick(atoms, random);
  return random() < 0.4 ? atom + pick(quantifiers, random) : atom;
}

/** Each name once, mostly. */
function named(opening: string, random: Random): string {
  return opening.replace('N', `n${Math.floor(random() * 100_000)}`);
}
