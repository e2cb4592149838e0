/**
 * How many arguments a request may have, over query string and body (`SecArgumentsLimit`). What is beyond is not
 * inspected and says so with a flag: a rule, not the parser, refuses the request.
 */
import { BodyFlag, emitValue, raiseFlag } from '../sink';

let left: i32 = 0;

/** Before the first argument of a request; a later phase goes on with what the earlier left. */
export function startArguments(max: i32): void {
  left = max;
}

export function argumentsLeft(): i32 {
  return left;
}

/** False where there is no room for it. */
export function emitArgument(
  collection: i32,
  nameAt: usize,
  nameLength: i32,
  valueAt: usize,
  valueLength: i32,
): bool {
  if (left <= 0) {
    raiseFlag(BodyFlag.argumentsLimit);
    return false;
  }
  left--;
  emitValue(collection, nameAt, nameLength, valueAt, valueLength);
  return true;
}
