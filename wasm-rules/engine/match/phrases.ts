/** `@pm`: the phrase that ends first. What the trie is: `src/waf/match/phrase-set.ts`. */
import { charge } from '../budget';
import { PhraseWord } from './format';

/** Offset in the upper, length in the lower half of what is reported; -1: none. */
export function findPhrase(set: usize, at: usize, length: i32): i64 {
  charge(length + 4);
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

/** 0: none. Labels are sorted; most nodes have one child. */
@inline
function childOf(children: usize, labels: usize, node: usize, label: u8): usize {
  let child = <usize>load<u32>(children + (node << 2));
  const end = <usize>load<u32>(children + (node << 2), 4);
  for (; child < end; child++) if (load<u8>(labels + child) == label) return child;
  return 0;
}
