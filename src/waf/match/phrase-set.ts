/**
 * `@pm` and `@pmFromFile`: the first of many phrases, ASCII letters in any case. A trie in breadth-first order
 * with fail links and nothing filled in, some ten bytes a node, so thousands of phrases stay small; time is
 * linear, as each failing step undoes an earlier one. The links are the guest's to make (`format.ts`).
 *
 * What is reported is ModSecurity's (acmp.c): the phrase that ends first; where that is the end of a longer
 * path of the trie too, the path as a whole.
 */
import { Blob } from './blob.ts';
import { kindsIn } from './byte-kinds.ts';
import { PhraseWord } from './format.ts';
import { phraseBytesMax, phraseNodesMax } from './limits.ts';
import { phraseLiterals } from './literals.ts';
import { noRequirement, type Requirement } from './requirement.ts';

export type CompiledPhraseSet = {
  /** For `findPhrase` of the guest. */
  readonly bytes: Uint8Array;
  readonly requirement: Requirement;
  readonly nodes: number;
};

type Node = { readonly label: number; readonly children: Map<number, Node>; isPhrase: boolean };

/** Throws `RangeError` past `phraseBytesMax` or `phraseNodesMax`. */
export function compilePhraseSet(phrases: readonly string[]): CompiledPhraseSet {
  const folded = [...new Set(phrases.map(lowerCase))].filter((phrase) => phrase !== '');
  const root: Node = { label: 0, children: new Map(), isPhrase: false };
  for (const phrase of folded) insert(root, phrase);
  const { order, children } = inBreadth(root);
  const roots = new Uint32Array(256);
  for (const [byte, node] of root.children) {
    roots[byte] = order.indexOf(node);
    if (byte >= 0x61 && byte <= 0x7a) roots[byte - 32] = roots[byte] as number;
  }
  const blob = new Blob(0, PhraseWord.words);
  blob.setWord(PhraseWord.nodes, order.length);
  const steps = children.map((child, node) => child - (children[node - 1] ?? 0));
  blob.setWord(PhraseWord.childrenAt, blob.add(steps));
  blob.setWord(PhraseWord.labelsAt, blob.add(Uint8Array.from(order, ({ label }) => label)));
  blob.setWord(PhraseWord.failsAt, blob.add(new Uint32Array(order.length)));
  const ends = Uint16Array.from(order, ({ isPhrase }) => (isPhrase ? 1 : 0));
  blob.setWord(PhraseWord.reportsAt, blob.add(ends));
  blob.setWord(PhraseWord.rootsAt, blob.add(roots));
  return { bytes: blob.finish(), requirement: requirementOf(folded), nodes: order.length };
}

function requirementOf(phrases: readonly string[]): Requirement {
  if (phrases.length === 0) return { ...noRequirement, literals: [] };
  const kinds = phrases.map((phrase) => kindsIn(Buffer.from(phrase, 'latin1')));
  return {
    ...noRequirement,
    literals: phraseLiterals(phrases),
    allKinds: kinds.reduce((all, one) => all & one),
    lengthMin: Math.min(...phrases.map((phrase) => phrase.length)),
  };
}

function lowerCase(phrase: string): string {
  return phrase.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function insert(root: Node, phrase: string): void {
  if (phrase.length > phraseBytesMax)
    throw new RangeError(`a phrase of ${phrase.length} bytes; at most ${phraseBytesMax}`);
  let node = root;
  for (let i = 0; i < phrase.length; i++) {
    const label = phrase.charCodeAt(i);
    let child = node.children.get(label);
    if (child === undefined) {
      child = { label, children: new Map(), isPhrase: false };
      node.children.set(label, child);
    }
    node = child;
  }
  node.isPhrase = true;
}

function inBreadth(root: Node): {
  readonly order: readonly Node[];
  /** The first child of each, and where those of the last one end. */
  readonly children: Uint32Array;
} {
  const order = [root];
  const children: number[] = [];
  for (let at = 0; at < order.length; at++) {
    children.push(order.length);
    const sorted = [...(order[at]?.children.values() ?? [])].sort((a, b) => a.label - b.label);
    order.push(...sorted);
    if (order.length > phraseNodesMax)
      throw new RangeError(`phrases of more than ${phraseNodesMax} nodes in one set`);
  }
  children.push(order.length);
  return { order, children: Uint32Array.from(children) };
}
