/** Places in a subject that patterns ask for. */
import { AssertionNumber } from './format';

export function holds(assertion: u32, subject: usize, length: i32, offset: i32): bool {
  const isFirst = offset == 0;
  const isLast = offset == length;
  const before: u32 = isFirst ? 0 : load<u8>(subject + <usize>offset - 1);
  const after: u32 = isLast ? 0 : load<u8>(subject + <usize>offset);
  switch (assertion) {
    case AssertionNumber.start:
      return isFirst;
    case AssertionNumber.end:
      return isLast;
    case AssertionNumber.lineStart:
      return isFirst || (!isLast && before == 0x0a);
    case AssertionNumber.lineEnd:
      return isLast || after == 0x0a;
    case AssertionNumber.wordBoundary:
      return (!isFirst && isWord(before)) != (!isLast && isWord(after));
    default:
      return (!isFirst && isWord(before)) == (!isLast && isWord(after));
  }
}

function isWord(byte: u32): bool {
  const letter = (byte | 0x20) - 0x61;
  return letter < 26 || byte - 0x30 < 10 || byte == 0x5f;
}
