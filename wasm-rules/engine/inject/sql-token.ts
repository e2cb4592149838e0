/** Kinds of SQL tokens, and the list of them that one reading of a value gives. */

export namespace Sql {
  export const end: i32 = 0;
  export const name: i32 = 1;
  export const number: i32 = 2;
  export const string: i32 = 3;
  export const variable: i32 = 4;
  /** A function that databases have, an opening bracket behind it. */
  export const call: i32 = 5;
  /** The same, and it is one that injections live from (`sleep`, `version`, `extractvalue`). */
  export const probe: i32 = 6;
  export const open: i32 = 7;
  export const close: i32 = 8;
  export const comma: i32 = 9;
  export const semicolon: i32 = 10;
  /** `and`, `or`, `xor`, `&&`, `||`. */
  export const logic: i32 = 11;
  /** `=`, `<>`, `like`, `in`, `is`, `@>`… */
  export const compare: i32 = 12;
  export const arithmetic: i32 = 13;
  /** `not`, `!`, `~`, `binary`, `distinct`, `exists`… before an operand. */
  export const prefix: i32 = 14;
  export const union: i32 = 15;
  export const select: i32 = 16;
  /** Begins a statement of its own: `insert`, `drop`, `exec`… */
  export const statement: i32 = 17;
  /** Behind an expression: `having`, `group by`, `order by`, `limit`, `into outfile`… */
  export const clause: i32 = 18;
  export const from: i32 = 19;
  export const where: i32 = 20;
  /** To the end of the line or of the value. */
  export const comment: i32 = 21;
  /** `null`, `true`, `current_user`… */
  export const literal: i32 = 22;
  /** `when`, `then`, `else`, `end`, `as`, `all`, `escape`, `using`… */
  export const glue: i32 = 23;
  /** `table`, `database`, `user`… behind `drop`, `create`, `alter`. */
  export const object: i32 = 24;
  /** `join`. */
  export const join: i32 = 25;
  /** `waitfor`, `delay`. */
  export const wait: i32 = 26;
  export const other: i32 = 27;
}

/** What is more to know of a token. */
export namespace Mark {
  /** A string that nothing closes before the end. */
  export const unclosed: i32 = 1;
  /** A comment `--` or `#` with something other than white space right behind it. */
  export const tight: i32 = 2;
  /** A word and no symbol. */
  export const word: i32 = 4;
  /** Written inside a conditional comment of MySQL. */
  export const conditional: i32 = 8;
  /** `=` and its like, and not a word. */
  export const equality: i32 = 16;
}

/** More are not looked at: an injection shows itself at the start of what follows its quote. */
export const tokensMax: i32 = 64;

/** Four words a token: kind, marks, address, length. */
const tokens: usize = memory.data((tokensMax + 4) * 16, 16);
/** How many there are so far. */
export let tokensRead: i32 = 0;

export function clearTokens(): void {
  tokensRead = 0;
}

/** False when the list is full. */
export function addToken(kind: i32, marks: i32, at: usize, length: i32): bool {
  const token = tokenOf(tokensRead);
  store<i32>(token, kind);
  store<i32>(token, marks, 4);
  store<u32>(token, <u32>at, 8);
  store<i32>(token, length, 12);
  return ++tokensRead < tokensMax;
}

/** After the last: closes the list. */
export function endTokens(): void {
  for (let i = 0; i < 4; i++) store<i32>(tokenOf(tokensRead + i), Sql.end);
}

@inline
export function tokenOf(index: i32): usize {
  return tokens + (index << 4);
}
