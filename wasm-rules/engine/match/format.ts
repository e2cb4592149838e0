/**
 * The guest's side of the binary formats: what each number is stands in `src/waf/match/format.ts`, and a test
 * holds the two to each other. Words are multiplied by 4 where they are read.
 */
export namespace PatternKind {
  export const never: u32 = 0;
  export const always: u32 = 1;
  export const literal: u32 = 2;
  export const dfa: u32 = 3;
  export const largeDfa: u32 = 4;
  export const lazy: u32 = 5;
}

export namespace LiteralFlag {
  export const ignoreCase: u32 = 1;
  export const atStart: u32 = 2;
  export const atEnd: u32 = 4;
}

export namespace LiteralWord {
  export const length: usize = 2;
  export const flags: usize = 3;
  export const bytesAt: usize = 4;
  export const words: usize = 8;
}

export namespace DfaWord {
  export const start: usize = 2;
  export const stride: usize = 3;
  export const endColumn: usize = 4;
  export const tableAt: usize = 5;
  export const words: usize = 8;
}

export namespace LazyWord {
  export const items: usize = 2;
  export const classes: usize = 3;
  export const restarts: usize = 4;
  export const classWords: usize = 5;
  export const startCount: usize = 6;
  export const startAt: usize = 7;
  export const itemListsAt: usize = 8;
  export const itemClassesAt: usize = 9;
  export const listsAt: usize = 10;
  export const restartsAt: usize = 11;
  export const restartOfClassAt: usize = 12;
  export const cacheGeneration: usize = 13;
  export const cacheStart: usize = 14;
  export const words: usize = 16;
}

export namespace CaptureWord {
  export const instructions: usize = 2;
  export const slots: usize = 3;
  export const instructionsAt: usize = 4;
  export const setsAt: usize = 5;
  export const firstsKnown: usize = 6;
  export const firsts: usize = 8;
  export const words: usize = 16;
}

export namespace CaptureOperation {
  export const match: u32 = 0;
  export const set: u32 = 1;
  export const split: u32 = 2;
  export const save: u32 = 3;
  export const check: u32 = 4;
}

export namespace AssertionNumber {
  export const start: u32 = 0;
  export const end: u32 = 1;
  export const lineStart: u32 = 2;
  export const lineEnd: u32 = 3;
  export const wordBoundary: u32 = 4;
  export const notWordBoundary: u32 = 5;
}

export namespace ScanWord {
  export const words: usize = 2;
  export const bits: usize = 3;
  export const classesAt: usize = 4;
  export const trigramsAt: usize = 5;
  export const ranksAt: usize = 6;
  export const checkListsAt: usize = 7;
  export const checksAt: usize = 8;
  export const alwaysAt: usize = 9;
  export const allLanesAt: usize = 10;
  export const anyTables: usize = 11;
  export const anyLanesAt: usize = 12;
  export const lengthRows: usize = 13;
  export const lengthsAt: usize = 14;
  export const firstOfByteAt: usize = 15;
  export const firstsAt: usize = 16;
  export const forms: usize = 17;
  export const formsAt: usize = 18;
  export const headWords: usize = 28;
  export const literals: usize = 19;
  export const literalBytesAt: usize = 20;
  export const literalPlacesAt: usize = 21;
  export const literalRowsAt: usize = 22;
  export const literalTextAt: usize = 23;
  export const rowsAt: usize = 24;
  export const checkNumbersAt: usize = 25;
}

export namespace PhraseWord {
  export const nodes: usize = 2;
  export const childrenAt: usize = 3;
  export const labelsAt: usize = 4;
  export const failsAt: usize = 5;
  export const reportsAt: usize = 6;
  export const rootsAt: usize = 7;
  export const words: usize = 8;
}
