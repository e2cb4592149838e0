/**
 * Why a body could not be read: the text of `REQBODY_ERROR_MSG`, as ModSecurity words it. The first failure of a
 * request counts.
 */
import { arenaTake } from '../arena';
import { BodyFlag, raiseFlag } from '../sink';

let textAt: usize = 0;
let textLength: i32 = 0;
/** Bytes of the request that are quoted in the text, at most. */
const quotedBytesMax: i32 = 128;

export function resetFailure(): void {
  textAt = 0;
  textLength = 0;
}

export function failureAt(): usize {
  return textAt;
}

export function failureLength(): i32 {
  return textLength;
}

/** Always false, for `return fail(…)`. */
export function fail(words: string): bool {
  return failWith(words, 0, 0, '');
}

/** The words, some bytes of the request, and more words. */
export function failWith(words: string, at: usize, length: i32, after: string): bool {
  raiseFlag(BodyFlag.processorError);
  if (textLength > 0) return false;
  const quoted = min(length, quotedBytesMax);
  textAt = arenaTake(words.length + quoted + after.length);
  let into = put(textAt, words);
  for (let i = 0; i < quoted; i++) {
    const byte = load<u8>(at + i);
    store<u8>(into++, <u32>byte - 0x20 < 0x5f ? byte : 0x3f);
  }
  textLength = <i32>(put(into, after) - textAt);
  return false;
}

function put(into: usize, words: string): usize {
  for (let i = 0; i < words.length; i++) store<u8>(into++, words.charCodeAt(i));
  return into;
}
