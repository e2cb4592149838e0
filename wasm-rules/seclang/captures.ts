/**
 * TX.0 to TX.9. Which bytes a group took is worked out when somebody reads it: most patterns that capture stand at the
 * head of a chain that goes no further. They end with the call that made them.
 */
import { budgetLeft } from '../engine/budget';
import { capturePattern } from '../engine/match/capture';
import { charge } from './fuel';
import { known, knownBytes, knownBytesMax, noteBytes } from './known';
import { captureSlots } from './layout';
import { intern } from './strings';
import { cellOf, setText, unsetCell } from './tx';

const spansBytes: u32 = 80;
const spans: usize = memory.data(80, 16);
/** The match that nobody has asked about. */
let program: usize = 0;
let subjectAt: usize = 0;
let subjectLength: i32 = 0;

export function resetCaptures(): void {
  program = 0;
}

/** The program has matched the bytes, which stay where they are. */
export function noteCapture(own: usize, at: usize, length: i32): void {
  program = own;
  subjectAt = at;
  subjectLength = length;
}

export function captureOne(at: usize, length: i32): void {
  program = 0;
  for (let i: u32 = 1; i < captureSlots; i++) unsetCell(cellOf(i));
  setText(cellOf(0), at, length);
}

/** Before a cell is read. */
export function settleCaptures(): void {
  if (program == 0) return;
  const own = program;
  program = 0;
  if (!findSpans(own)) return;
  for (let i: u32 = 0; i < captureSlots; i++) {
    const offset = load<i32>(spans + (<usize>i << 3));
    const cell = cellOf(i);
    if (offset < 0) unsetCell(cell);
    else setText(cell, subjectAt + offset, load<i32>(spans + (<usize>i << 3), 4));
  }
}

/** As everything that is said of bytes alone, it is known from the first time on. */
function findSpans(own: usize): bool {
  const string = subjectLength > knownBytesMax ? 0 : intern(subjectAt, subjectLength);
  const entry = string == 0 ? 0 : known(own, string);
  if (entry != 0) {
    const kept = knownBytes(entry);
    if (kept != 0) memory.copy(spans, kept, spansBytes);
    return kept != 0;
  }
  const before = budgetLeft();
  charge(<u32>subjectLength << 3);
  const isFound = capturePattern(own, subjectAt, subjectLength, spans);
  if (string != 0) noteBytes(own, string, spans, isFound ? spansBytes : 0, <u32>(before - budgetLeft()));
  return isFound;
}

export function forgetCaptures(): void {
  program = 0;
  for (let i: u32 = 0; i < captureSlots; i++) unsetCell(cellOf(i));
}
