/**
 * Where the parsers of requests and bodies put what they find. Whoever links the engine says what becomes of
 * it (`onValue`, `onFlag`): the evaluator of SecLang builds its table of values, a test writes them down.
 *
 * Names and values are borrowed for as long as the call of the phase lasts: they lie in the view or in the arena.
 */

/** The collections parsers fill. Variables such as ARGS or ARGS_NAMES are made of these. */
export namespace Collection {
  export const argsGet: i32 = 0;
  export const argsPost: i32 = 1;
  export const cookies: i32 = 2;
  export const requestHeaders: i32 = 3;
  export const responseHeaders: i32 = 4;
  /** name: the field's name; value: the file's name. */
  export const files: i32 = 5;
  /** name: the field's name; value: one header line of its part, whole. */
  export const partHeaders: i32 = 6;
  /** No names. */
  export const xmlText: i32 = 7;
  export const xmlAttributes: i32 = 8;
  /** name: the field's name; value: decimal. */
  export const fileSizes: i32 = 9;
}

/** What parsers noticed about a body; bits. */
export namespace BodyFlag {
  export const processorError: u32 = 1;
  export const multipartBoundaryQuoted: u32 = 1 << 1;
  export const multipartBoundaryWhitespace: u32 = 1 << 2;
  export const multipartCrlfLfLines: u32 = 1 << 3;
  export const multipartDataAfter: u32 = 1 << 4;
  export const multipartDataBefore: u32 = 1 << 5;
  export const multipartFileLimit: u32 = 1 << 6;
  export const multipartHeaderFolding: u32 = 1 << 7;
  export const multipartInvalidHeaderFolding: u32 = 1 << 8;
  export const multipartInvalidPart: u32 = 1 << 9;
  export const multipartInvalidQuoting: u32 = 1 << 10;
  export const multipartLfLine: u32 = 1 << 11;
  export const multipartMissingSemicolon: u32 = 1 << 12;
  export const multipartUnmatchedBoundary: u32 = 1 << 13;
  export const urlencodedError: u32 = 1 << 14;
  export const argumentsLimit: u32 = 1 << 15;
}

export type OnValue = (
  collection: i32,
  nameAt: usize,
  nameLength: i32,
  valueAt: usize,
  valueLength: i32,
) => void;

let sink: OnValue = (_collection, _nameAt, _nameLength, _valueAt, _valueLength): void => {};
let flags: u32 = 0;

export function setSink(onValue: OnValue): void {
  sink = onValue;
}

export function emitValue(
  collection: i32,
  nameAt: usize,
  nameLength: i32,
  valueAt: usize,
  valueLength: i32,
): void {
  sink(collection, nameAt, nameLength, valueAt, valueLength);
}

export function raiseFlag(flag: u32): void {
  flags |= flag;
}

export function bodyFlags(): u32 {
  return flags;
}

export function resetFlags(): void {
  flags = 0;
}
