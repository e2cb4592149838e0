/** `@rx`, yes or no: constants, literals, tables, lazy tables. Linear in the subject whatever the pattern. */
import { charge } from '../budget';
import { DfaWord, PatternKind } from './format';
import { runLazy } from './lazy';
import { findLiteral } from './literal';

/** 1: the pattern matches somewhere; 0: nowhere; -1: the budget is used up. */
export function matchPattern(pattern: usize, at: usize, length: i32): i32 {
  if (!charge(length + 4)) return -1;
  switch (load<u32>(pattern)) {
    case PatternKind.dfa:
      return runDfa(pattern, at, at + <usize>length);
    case PatternKind.largeDfa:
      return runLargeDfa(pattern, at, at + <usize>length);
    case PatternKind.lazy:
      return runLazy(pattern, at, length);
    case PatternKind.literal:
      return findLiteral(pattern, at, length);
    case PatternKind.always:
      return 1;
    case PatternKind.never:
      return 0;
  }
  unreachable();
  return 0;
}

function runDfa(pattern: usize, at: usize, end: usize): i32 {
  const classes = pattern + DfaWord.words * 4;
  const table = pattern + load<u32>(pattern, DfaWord.tableAt * 4);
  const stride = load<u32>(pattern, DfaWord.stride * 4);
  let state = load<u32>(pattern, DfaWord.start * 4);
  while (at < end) {
    state = load<u16>(table + ((state + load<u8>(classes + <usize>load<u8>(at++))) << 1));
    // The match is row 0, the dead state the row behind it.
    if (state <= stride) return state == 0 ? 1 : 0;
  }
  return load<u16>(table + ((state + load<u32>(pattern, DfaWord.endColumn * 4)) << 1));
}

/** A multiplication a byte, for half the memory. */
function runLargeDfa(pattern: usize, at: usize, end: usize): i32 {
  const classes = pattern + DfaWord.words * 4;
  const table = pattern + load<u32>(pattern, DfaWord.tableAt * 4);
  const stride = load<u32>(pattern, DfaWord.stride * 4);
  let state = load<u32>(pattern, DfaWord.start * 4);
  while (at < end) {
    const column = load<u8>(classes + <usize>load<u8>(at++));
    state = load<u16>(table + ((state * stride + column) << 1));
    if (state <= 1) return state == 0 ? 1 : 0;
  }
  return load<u16>(table + ((state * stride + load<u32>(pattern, DfaWord.endColumn * 4)) << 1));
}
