/**
 * Where did the groups match? Alternatives one after the other, the preferred first, and none of them twice: a bit for
 * each instruction at each place says that it was tried, so the work is linear in their product as that of Pike's
 * machine is (`capture.ts`), and so are the answers. It is the faster one where the bits are few, as nothing is copied.
 */
import { arenaLeft, arenaShrink, arenaTake } from '../arena';
import { charge } from '../budget';
import { holds } from './assertion';
import { CaptureOperation, CaptureWord } from './format';

/** Bits of instructions at places: 16 KiB to be cleared. */
const bitsMax: u64 = 131_072;
const instructionBytes: usize = 12;
const firstBytes: usize = 32;
/** In a saved stack entry: the slot to give its value back to. */
const restoring: u32 = 0x80000000;

let code: usize = 0;
let sets: usize = 0;
let subject: usize = 0;
let subjectLength: i32 = 0;
let current: usize = 0;
let tried: usize = 0;
let stack: usize = 0;
let steps: i64 = 0;

export function canBacktrack(program: usize, length: i32): bool {
  return <u64>load<u32>(program, CaptureWord.instructions * 4) * (<u64>length + 1) <= bitsMax;
}

/** As `capturePattern`, where `into` holds -1. */
export function backtrack(program: usize, at: usize, length: i32, into: usize): bool {
  const instructions = <usize>load<u32>(program, CaptureWord.instructions * 4);
  const slots = <usize>load<u32>(program, CaptureWord.slots * 4);
  const bits = instructions * (<usize>length + 1);
  const triedBytes = ((bits + 63) >> 6) << 3;
  // Each bit leaves one entry at the most.
  const bytes = triedBytes + (slots << 2) + (bits << 3);
  if (bytes + firstsRoom(instructions) + 128 > arenaLeft()) return false;
  open(program, at, length);
  const room = arenaTake(bytes);
  tried = room;
  memory.fill(tried, 0, triedBytes);
  current = room + triedBytes;
  stack = current + (slots << 2);
  const found = charge(<i64>(triedBytes >> 4)) && search(program, slots);
  if (found) reportSpans(current, slots, into);
  arenaShrink(room, 0);
  return found && charge(steps);
}

export function reportSpans(own: usize, slots: usize, into: usize): void {
  for (let slot: usize = 0; slot < slots; slot += 2) {
    const from = load<i32>(own + (slot << 2));
    const to = load<i32>(own + (slot << 2), 4);
    const isSet = from >= 0 && to >= 0;
    store<i32>(into + (slot << 2), isSet ? from : -1);
    store<i32>(into + (slot << 2), isSet ? to - from : -1, 4);
  }
}

function open(program: usize, at: usize, length: i32): void {
  code = program + load<u32>(program, CaptureWord.instructionsAt * 4);
  sets = program + load<u32>(program, CaptureWord.setsAt * 4);
  subject = at;
  subjectLength = length;
  steps = 0;
  if (load<u32>(program, CaptureWord.firstsKnown * 4) == 0) findFirsts(program);
}

function search(program: usize, slots: usize): bool {
  const firsts = program + CaptureWord.firsts * 4;
  const isAnywhere = load<u32>(program, CaptureWord.firstsKnown * 4) == Firsts.any;
  for (let offset: i32 = 0; offset <= subjectLength; offset++) {
    if (!isAnywhere) {
      if (offset == subjectLength) return false;
      const byte = load<u8>(subject + <usize>offset);
      if (((load<u8>(firsts + <usize>(byte >> 3)) >> (byte & 7)) & 1) == 0) continue;
    }
    for (let i: usize = 0; i < slots; i++) store<i32>(current + (i << 2), -1);
    if (tryFrom(offset)) return true;
  }
  return false;
}

/** Whether a match begins there; its slots are in `current`. */
function tryFrom(start: i32): bool {
  const width = subjectLength + 1;
  let top = stack;
  let index: u32 = 0;
  let offset = start;
  for (;;) {
    while (visit(index * width + offset)) {
      const instruction = code + <usize>index * instructionBytes;
      const operation = load<u32>(instruction);
      if (operation == CaptureOperation.set) {
        if (offset == subjectLength) break;
        const byte = load<u8>(subject + <usize>offset);
        const set = sets + (<usize>load<u32>(instruction, 4) << 5);
        if (((load<u8>(set + <usize>(byte >> 3)) >> (byte & 7)) & 1) == 0) break;
        offset++;
        index += load<u32>(instruction, 8);
      } else if (operation == CaptureOperation.split) {
        store<u32>(top, index + load<u32>(instruction, 8));
        store<i32>(top, offset, 4);
        top += 8;
        index += load<u32>(instruction, 4);
      } else if (operation == CaptureOperation.save) {
        const slot = current + (<usize>load<u32>(instruction, 4) << 2);
        store<u32>(top, restoring | load<u32>(instruction, 4));
        store<i32>(top, load<i32>(slot), 4);
        top += 8;
        store<i32>(slot, offset);
        index += load<u32>(instruction, 8);
      } else if (operation == CaptureOperation.check) {
        if (!holds(load<u32>(instruction, 4), subject, subjectLength, offset)) break;
        index += load<u32>(instruction, 8);
      } else return true;
    }
    for (;;) {
      if (top == stack) return false;
      top -= 8;
      const entry = load<u32>(top);
      if ((entry & restoring) == 0) {
        index = entry;
        offset = load<i32>(top, 4);
        break;
      }
      store<i32>(current + (<usize>(entry & ~restoring) << 2), load<i32>(top, 4));
    }
  }
  unreachable();
  return false;
}

/** False where it was tried before, by a way that is preferred. */
@inline
function visit(number: u32): bool {
  const at = tried + <usize>(number >> 3);
  const byte = load<u8>(at);
  const bit: u8 = <u8>1 << <u8>(number & 7);
  if ((byte & bit) != 0) return false;
  store<u8>(at, byte | bit);
  steps++;
  return true;
}

/** Of `CaptureWord.firstsKnown`. */
namespace Firsts {
  export const some: u32 = 1;
  /** A match may be empty, or stand before no byte at all. */
  export const any: u32 = 2;
}

/** Instructions seen, and those that wait. */
@inline
function firstsRoom(instructions: usize): usize {
  return instructions * 5 + 16;
}

/** The bytes that matches begin with: once for all requests, so no request is charged for it. */
function findFirsts(program: usize): void {
  const instructions = <usize>load<u32>(program, CaptureWord.instructions * 4);
  const room = arenaTake(firstsRoom(instructions));
  memory.fill(room, 0, instructions);
  const waiting = (room + instructions + 3) & ~3;
  const isSome = collectFirsts(program + CaptureWord.firsts * 4, room, waiting);
  arenaShrink(room, 0);
  store<u32>(program, isSome ? Firsts.some : Firsts.any, CaptureWord.firstsKnown * 4);
}

/** False where a match may take no byte. */
function collectFirsts(firsts: usize, seen: usize, waiting: usize): bool {
  let top = waiting + 4;
  store<u32>(waiting, 0);
  while (top != waiting) {
    top -= 4;
    const index = load<u32>(top);
    if (load<u8>(seen + <usize>index) != 0) continue;
    store<u8>(seen + <usize>index, 1);
    const instruction = code + <usize>index * instructionBytes;
    const operation = load<u32>(instruction);
    if (operation == CaptureOperation.match) return false;
    if (operation == CaptureOperation.set) {
      const set = sets + (<usize>load<u32>(instruction, 4) << 5);
      for (let i: usize = 0; i < firstBytes; i += 8) store<u64>(firsts + i, load<u64>(firsts + i) | load<u64>(set + i));
      continue;
    }
    if (operation == CaptureOperation.split) {
      store<u32>(top, index + load<u32>(instruction, 4));
      top += 4;
    }
    store<u32>(top, index + load<u32>(instruction, 8));
    top += 4;
  }
  return true;
}
