/**
 * What one phase leaves for the next, as bytes that the host keeps with the request: nothing of a request waits in the
 * guest between calls, so any number of them can be under way with one instance. Of variables go those that rules of
 * phases 3 to 5 name.
 *
 * ```
 * head (16 words) │ removed rules │ slots: number, kind, value… │ made names │ removed targets │ texts
 * ```
 */
import { arenaTake } from '../engine/arena';
import { forgetCaptures } from './captures';
import { Header, headerWord, imageAt, Need, word } from './layout';
import {
  allowed,
  bodyProcessor,
  engineMode,
  forcesRequestBody,
  hasRemoved,
  highestSeverity,
  noteSeverity,
  removed,
  removedTargets,
  removeRules,
  removeTarget,
  reqbodyErrorAt,
  reqbodyErrorLength,
  reqbodyFlags,
  responseBodyAccess,
  setAllowed,
  setBodyProcessor,
  setEngineMode,
  setForcesRequestBody,
  setReqbody,
  setResponseBodyAccess,
} from './transaction';
import {
  Cell,
  cellKind,
  cellNamed,
  cellOf,
  firstMade,
  madeCell,
  madeNameAt,
  madeNameLength,
  madeTotal,
  nextMade,
  setNumber,
  setText,
  slotTotal,
} from './tx';

const headBytes: i32 = 64;
/** Texts of the image and below stay where they are. */
let keptBelow: usize = 0;
export let stateAt: usize = 0;
export let stateLength: i32 = 0;
let at: usize = 0;
let textsAt: usize = 0;

export function openState(imageEnd: usize): void {
  keptBelow = imageEnd;
}

export function saveState(): void {
  forgetCaptures();
  const removedBytes: i32 = hasRemoved ? <i32>headerWord(Header.ruleWords) << 3 : 0;
  let targets: i32 = 0;
  for (let entry = removedTargets; entry != 0; entry = load<usize>(entry)) targets++;
  let slots: i32 = 0;
  let texts: i32 = reqbodyErrorLength;
  const kept = imageAt(headerWord(Header.keptSlots));
  const keptEnd = kept + 4 + (<usize>word(kept, 0) << 2);
  for (let slot = kept + 4; slot < keptEnd; slot += 4) {
    const cell = cellOf(load<u32>(slot));
    if (cellKind(cell) == Cell.unset) continue;
    slots++;
    texts += textBytes(cell);
  }
  const keepsMade = (headerWord(Header.needs) & Need.madeNames) != 0;
  const made = keepsMade ? firstMade() : 0;
  for (let entry = made; entry != 0; entry = nextMade(entry))
    texts += madeNameLength(entry) + textBytes(madeCell(entry));
  const madeCount = keepsMade ? madeTotal() : 0;
  const fixed = headBytes + removedBytes + slots * 16 + madeCount * 20 + targets * 8;
  stateLength = fixed + texts;
  stateAt = arenaTake(stateLength);
  at = stateAt;
  textsAt = stateAt + fixed;
  put(engineMode);
  put(bodyProcessor);
  put(forcesRequestBody ? 1 : 0);
  put(responseBodyAccess ? 1 : 0);
  put(highestSeverity);
  put(reqbodyFlags);
  put(allowed);
  put(removedBytes);
  put(slots);
  put(madeCount);
  put(targets);
  putText(reqbodyErrorAt, reqbodyErrorLength);
  at = stateAt + headBytes;
  memory.copy(at, removed, removedBytes);
  at += removedBytes;
  for (let slot = kept + 4; slot < keptEnd; slot += 4) {
    const cell = cellOf(load<u32>(slot));
    if (cellKind(cell) == Cell.unset) continue;
    put(load<u32>(slot));
    putCell(cell);
  }
  for (let entry = made; entry != 0; entry = nextMade(entry)) {
    putText(madeNameAt(entry), madeNameLength(entry));
    putCell(madeCell(entry));
  }
  for (let entry = removedTargets; entry != 0; entry = load<usize>(entry)) {
    put(<u32>load<usize>(entry, 4));
    put(<u32>load<usize>(entry, 8));
  }
}

export function loadState(from: usize): void {
  stateAt = from;
  at = from;
  setEngineMode(take());
  setBodyProcessor(take());
  setForcesRequestBody(take() != 0);
  setResponseBodyAccess(take() != 0);
  noteSeverity(take());
  const flags = take();
  setAllowed(take());
  const removedBytes = take();
  const slots = take();
  const made = take();
  const targets = take();
  const errorAt = takeAddress();
  setReqbody(flags, errorAt, <i32>take());
  at = from + headBytes;
  if (removedBytes != 0) removeRules(at);
  at += removedBytes;
  for (let i: u32 = 0; i < slots; i++) {
    const slot = take();
    if (slot >= slotTotal()) unreachable();
    takeCell(cellOf(slot));
  }
  for (let i: u32 = 0; i < made; i++) {
    const name = takeAddress();
    const length = <i32>take();
    takeCell(cellNamed(name, length, true));
  }
  for (let i: u32 = 0; i < targets; i++) {
    const bits = take();
    removeTarget(bits, take());
  }
}

function textBytes(cell: usize): i32 {
  return cellKind(cell) == Cell.text && load<usize>(cell, 4) >= keptBelow ? load<i32>(cell, 8) : 0;
}

@inline
function put(value: u32): void {
  store<u32>(at, value);
  at += 4;
}

/** An address below what is kept is itself; else an offset from the state, with the highest bit set. */
function putText(text: usize, length: i32): void {
  if (length == 0 || text < keptBelow) put(<u32>text);
  else {
    memory.copy(textsAt, text, length);
    put(<u32>(textsAt - stateAt) | 0x80000000);
    textsAt += length;
  }
  put(length);
}

function putCell(cell: usize): void {
  const kind = cellKind(cell);
  put(kind);
  if (kind == Cell.text) putText(load<usize>(cell, 4), load<i32>(cell, 8));
  else {
    put(load<u32>(cell, 4));
    put(0);
  }
}

@inline
function take(): u32 {
  const value = load<u32>(at);
  at += 4;
  return value;
}

function takeAddress(): usize {
  const value = take();
  return (value & 0x80000000) != 0 ? stateAt + <usize>(value & 0x7fffffff) : <usize>value;
}

function takeCell(cell: usize): void {
  const kind = take();
  if (kind == Cell.text) {
    const text = takeAddress();
    setText(cell, text, <i32>take());
    return;
  }
  const value = <i32>take();
  take();
  if (kind == Cell.number) setNumber(cell, value);
}
