/** `@pm`: the phrase that ends first. What the trie is: `src/waf/match/phrase-set.ts`. */
import { charge } from '../budget';
import { PhraseWord } from './format';

/** Offset in the upper, length in the lower half of what is reported; -1: none. */
export function findPhrase(set: usize, at: usize, length: i32): i64 {
  charge(length + 4);
  if (load<u32>(set) == packed) unpack(set);
  const children = set + load<u32>(set, PhraseWord.childrenAt * 4);
  const labels = set + load<u32>(set, PhraseWord.labelsAt * 4);
  const fails = set + load<u32>(set, PhraseWord.failsAt * 4);
  const reports = set + load<u32>(set, PhraseWord.reportsAt * 4);
  const roots = set + load<u32>(set, PhraseWord.rootsAt * 4);
  let node: usize = 0;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + <usize>i);
    const folded: u8 = byte - 0x41 < 26 ? byte + 32 : byte;
    let child: usize = 0;
    while (node != 0) {
      child = childOf(children, labels, node, folded);
      if (child != 0) break;
      node = load<u32>(fails + (node << 2));
    }
    node = node == 0 ? <usize>load<u32>(roots + (<usize>byte << 2)) : child;
    const report = <i32>load<u16>(reports + (node << 1));
    if (report != 0) return ((<i64>(i + 1 - report)) << 32) | report;
  }
  return -1;
}

const packed: u32 = 0;

/** Makes what `format.ts` says is left out; once for all requests, so no request is charged for it. */
function unpack(set: usize): void {
  const nodes = load<u32>(set, PhraseWord.nodes * 4);
  const children = set + load<u32>(set, PhraseWord.childrenAt * 4);
  const labels = set + load<u32>(set, PhraseWord.labelsAt * 4);
  const fails = set + load<u32>(set, PhraseWord.failsAt * 4);
  const reports = set + load<u32>(set, PhraseWord.reportsAt * 4);
  for (let node: usize = 1; node <= nodes; node++) {
    const at = children + (node << 2);
    store<u32>(at, load<u32>(at) + load<u32>(at - 4));
  }
  // Node after node, so that what is nearer to the root is there already; a level ends where its last one's children do.
  let depth: u32 = 1;
  let levelEnd: usize = 1;
  for (let parent: usize = 0; parent < nodes; parent++) {
    if (parent == levelEnd) {
      depth++;
      levelEnd = load<u32>(children + (parent << 2));
    }
    const end = <usize>load<u32>(children + (parent << 2), 4);
    for (let child = <usize>load<u32>(children + (parent << 2)); child < end; child++) {
      const label = load<u8>(labels + child);
      let fail: usize = 0;
      for (let behind = parent; behind != 0 && fail == 0; ) {
        behind = load<u32>(fails + (behind << 2));
        fail = childOf(children, labels, behind, label);
      }
      store<u32>(fails + (child << 2), <u32>fail);
      const at = reports + (child << 1);
      const isEnd = load<u16>(at) != 0 || load<u16>(reports + (fail << 1)) != 0;
      store<u16>(at, isEnd ? <u16>depth : 0);
    }
  }
  store<u32>(set, packed + 1);
}

/** 0: none. Labels are sorted; most nodes have one child. */
@inline
function childOf(children: usize, labels: usize, node: usize, label: u8): usize {
  let child = <usize>load<u32>(children + (node << 2));
  const end = <usize>load<u32>(children + (node << 2), 4);
  for (; child < end; child++) if (load<u8>(labels + child) == label) return child;
  return 0;
}
