/**
 * Where did the groups match? Pike's machine ("Regular Expression Search Algorithm", CACM 1968, with the
 * captures of Pike's sam): all alternatives at once, in the order of preference, so the leftmost match and of
 * these the first alternative, as Perl and PCRE2 choose. Linear in the subject times the size of the program;
 * it runs only behind a match. Short subjects, which are most, are left to `backtrack.ts`.
 */
import { arenaLeft, arenaShrink, arenaTake } from '../arena';
import { charge } from '../budget';
import { holds } from './assertion';
import { backtrack, canBacktrack, reportSpans } from './backtrack';
import { CaptureOperation, CaptureWord } from './format';

const wordsMax: usize = 20;
const instructionBytes: usize = 12;
/** In a saved stack entry: the slot to give its value back to. */
const restoring: u32 = 0x80000000;

let code: usize = 0;
let sets: usize = 0;
let slots: usize = 0;
let subject: usize = 0;
let subjectLength: i32 = 0;

/** The list being filled: instructions in order of preference, their captures, and where each stands. */
let threads: usize = 0;
let captures: usize = 0;
let places: usize = 0;
let total: usize = 0;
/** Captures of the thread at hand. */
let current: usize = 0;
let stack: usize = 0;

/**
 * Fills 20 words at `into` with offset and length of the whole and of groups 1 to 9, -1 where a group took no
 * part. False: no match, or neither budget nor room for it.
 */
export function capturePattern(program: usize, at: usize, length: i32, into: usize): bool {
  for (let i: usize = 0; i < wordsMax; i++) store<i32>(into + (i << 2), -1);
  return canBacktrack(program, length)
    ? backtrack(program, at, length, into)
    : captureByThreads(program, at, length, into);
}

/** The same where `into` holds -1, by Pike's machine however short the subject is. */
export function captureByThreads(program: usize, at: usize, length: i32, into: usize): bool {
  const instructions = <usize>load<u32>(program, CaptureWord.instructions * 4);
  code = program + load<u32>(program, CaptureWord.instructionsAt * 4);
  sets = program + load<u32>(program, CaptureWord.setsAt * 4);
  slots = <usize>load<u32>(program, CaptureWord.slots * 4);
  subject = at;
  subjectLength = length;
  const listBytes = instructions << 2;
  const captureBytes = (instructions * slots) << 2;
  const bytes = (listBytes << 2) + (captureBytes << 1) + (instructions << 3) + (slots << 2);
  if (bytes + 64 > arenaLeft()) return false;
  const room = arenaTake(bytes);
  memory.fill(room + (listBytes << 1), 0, listBytes << 1);
  current = room + (listBytes << 2) + (captureBytes << 1);
  stack = current + (slots << 2);
  const found = run(room, listBytes, captureBytes, into);
  arenaShrink(room, 0);
  return found;
}

function run(room: usize, listBytes: usize, captureBytes: usize, into: usize): bool {
  let oldThreads = room;
  let newThreads = room + listBytes;
  let oldPlaces = room + (listBytes << 1);
  let newPlaces = oldPlaces + listBytes;
  let oldCaptures = room + (listBytes << 2);
  let newCaptures = oldCaptures + captureBytes;
  let running: usize = 0;
  let found = false;
  for (let offset: i32 = 0; offset <= subjectLength; offset++) {
    threads = oldThreads;
    places = oldPlaces;
    captures = oldCaptures;
    total = running;
    if (!found) {
      for (let i: usize = 0; i < slots; i++) store<i32>(current + (i << 2), -1);
      follow(0, offset);
    }
    running = total;
    if (running == 0) {
      if (found) break;
      continue;
    }
    if (!charge(<i64>running)) return false;
    threads = newThreads;
    places = newPlaces;
    captures = newCaptures;
    total = 0;
    if (advance(oldThreads, oldCaptures, running, offset, into)) found = true;
    running = total;
    threads = oldThreads;
    oldThreads = newThreads;
    newThreads = threads;
    places = oldPlaces;
    oldPlaces = newPlaces;
    newPlaces = places;
    captures = oldCaptures;
    oldCaptures = newCaptures;
    newCaptures = captures;
  }
  return found;
}

/** One byte on. True where a thread matched: those behind it are worse and end here. */
function advance(
  from: usize,
  fromCaptures: usize,
  running: usize,
  offset: i32,
  into: usize,
): bool {
  for (let i: usize = 0; i < running; i++) {
    const index = load<u32>(from + (i << 2));
    const instruction = code + <usize>index * instructionBytes;
    const own = fromCaptures + ((i * slots) << 2);
    const operation = load<u32>(instruction);
    if (operation == CaptureOperation.match) {
      reportSpans(own, slots, into);
      return true;
    }
    // Splits and the like are listed only to be visited once.
    if (operation != CaptureOperation.set || offset == subjectLength) continue;
    const byte = load<u8>(subject + <usize>offset);
    const set = sets + (<usize>load<u32>(instruction, 4) << 5);
    if (((load<u8>(set + <usize>(byte >> 3)) >> (byte & 7)) & 1) == 0) continue;
    memory.copy(current, own, slots << 2);
    follow(index + load<u32>(instruction, 8), offset + 1);
  }
  return false;
}

/** Adds to the list what is reached from an instruction without a byte, the preferred first. */
function follow(start: u32, offset: i32): void {
  const bottom = stack;
  let top = stack;
  let index = start;
  for (;;) {
    if (visit(index)) {
      const instruction = code + <usize>index * instructionBytes;
      const operation = load<u32>(instruction);
      if (operation == CaptureOperation.split) {
        store<u32>(top, index + load<u32>(instruction, 8));
        top += 8;
        index += load<u32>(instruction, 4);
        continue;
      }
      if (operation == CaptureOperation.save) {
        const slot = current + (<usize>load<u32>(instruction, 4) << 2);
        store<u32>(top, restoring | load<u32>(instruction, 4));
        store<i32>(top, load<i32>(slot), 4);
        top += 8;
        store<i32>(slot, offset);
        index += load<u32>(instruction, 8);
        continue;
      }
      if (operation == CaptureOperation.check) {
        if (holds(load<u32>(instruction, 4), subject, subjectLength, offset)) {
          index += load<u32>(instruction, 8);
          continue;
        }
      } else {
        memory.copy(captures + (((total - 1) * slots) << 2), current, slots << 2);
      }
    }
    for (;;) {
      if (top == bottom) return;
      top -= 8;
      const entry = load<u32>(top);
      if ((entry & restoring) == 0) {
        index = entry;
        break;
      }
      store<i32>(current + (<usize>(entry & ~restoring) << 2), load<i32>(top, 4));
    }
  }
}

/**
 * False where the instruction is in the list already, by a way that is preferred. A sparse set (Briggs and
 * Torczon 1993): nothing has to be cleared for the next byte.
 */
@inline
function visit(index: u32): bool {
  const place = <usize>load<u32>(places + (<usize>index << 2));
  if (place < total && load<u32>(threads + (place << 2)) == index) return false;
  store<u32>(places + (<usize>index << 2), <u32>total);
  store<u32>(threads + (total << 2), index);
  total++;
  return true;
}
