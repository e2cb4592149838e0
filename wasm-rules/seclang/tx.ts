/**
 * TX variables: those that rules name have a slot, those whose name a request makes a place in a table. A value is
 * a number, kept as one while only numbers are added to it, or a text.
 *
 * A cell (16 bytes): kind, number or address, length.
 */
import { arenaTake } from '../engine/arena';
import { charge } from './fuel';
import { follow, Header, headerWord, imageAt, noSlot, textAt, textLength } from './layout';
import { intern, stringAt, stringLength } from './strings';
import { formatNumber, lowerByte, numberAt, numberLength, parseNumber } from './text';

export namespace Cell {
  export const unset: u32 = 0;
  export const number: u32 = 1;
  export const text: u32 = 2;
}

const cellBytes: usize = 16;
/** Names that requests make: more than any number of arguments that is let through. */
const madeNamesMax: i32 = 4096;

let cells: usize = 0;
let slotCount: u32 = 0;
let slotNames: usize = 0;
/** A bit for each length that a slot's name has; the last one for those beyond. */
let slotLengths: u64 = 0;
/** Table of made names: next, string of the name, cell. */
let made: usize = 0;
let lastMade: usize = 0;
let madeCount: i32 = 0;
const madeBuckets: usize = memory.data(256 * 4, 16);

export function cellsBytes(): usize {
  return <usize>headerWord(Header.slotCount) * cellBytes;
}

export function openTx(at: usize): void {
  cells = at;
  slotCount = headerWord(Header.slotCount);
  slotNames = imageAt(headerWord(Header.slotNames));
  slotLengths = 0;
  for (let slot: u32 = 0; slot < slotCount; slot++)
    slotLengths |= (<u64>1) << min(textLength(slotName(slot)), 63);
}

export function resetTx(): void {
  memory.fill(cells, 0, <usize>slotCount * cellBytes);
  memory.fill(madeBuckets, 0, 256 * 4);
  made = 0;
  lastMade = 0;
  madeCount = 0;
}

@inline
export function cellOf(slot: u32): usize {
  return cells + <usize>slot * cellBytes;
}

@inline
export function cellKind(cell: usize): u32 {
  return cell == 0 ? Cell.unset : load<u32>(cell);
}

export function slotTotal(): u32 {
  return slotCount;
}

export function slotName(slot: u32): usize {
  return follow(slotNames, slot);
}

export function firstMade(): usize {
  return made;
}

export function madeTotal(): i32 {
  return madeCount;
}

@inline
export function nextMade(entry: usize): usize {
  return load<usize>(entry);
}

@inline
export function madeName(entry: usize): usize {
  return load<usize>(entry, 4);
}

@inline
export function madeCell(entry: usize): usize {
  return entry + 16;
}

/** The cell of a name that was put together; 0 where there is none and `creates` is false. */
export function cellNamed(at: usize, length: i32, creates: bool): usize {
  const copy = arenaTake(length);
  for (let i = 0; i < length; i++) store<u8>(copy + i, lowerByte(load<u8>(at + i)));
  for (let slot: u32 = hasSlotOf(length) ? 0 : slotCount; slot < slotCount; slot++) {
    const name = slotName(slot);
    if (textLength(name) == length && memory.compare(textAt(name), copy, length) == 0)
      return cellOf(slot);
  }
  const string = intern(copy, length);
  const bucket = madeBuckets + ((load<u32>(string, 8) & 255) << 2);
  for (let entry = load<usize>(bucket); entry != 0; entry = load<usize>(entry, 8)) {
    charge(1);
    if (madeName(entry) == string) return madeCell(entry);
  }
  if (!creates) return 0;
  if (madeCount >= madeNamesMax) unreachable();
  madeCount++;
  const entry = arenaTake(32);
  store<usize>(entry, 0);
  store<usize>(entry, string, 4);
  store<usize>(entry, load<usize>(bucket), 8);
  store<usize>(bucket, entry);
  store<u32>(entry, Cell.unset, 16);
  if (lastMade == 0) made = entry;
  else store<usize>(lastMade, entry);
  lastMade = entry;
  return madeCell(entry);
}

@inline
function hasSlotOf(length: i32): bool {
  return (slotLengths & ((<u64>1) << min(length, 63))) != 0;
}

export function cellOfName(slot: u32, text: usize): usize {
  return slot != noSlot ? cellOf(slot) : cellNamed(textAt(text), textLength(text), false);
}

export function setNumber(cell: usize, value: i32): void {
  store<u32>(cell, Cell.number);
  store<i32>(cell, value, 4);
}

/** The bytes are borrowed for the call. */
export function setText(cell: usize, at: usize, length: i32): void {
  store<u32>(cell, Cell.text);
  store<usize>(cell, at, 4);
  store<i32>(cell, length, 8);
}

let pinned: usize = 0;
let otherPinned: usize = 0;

/** What the host says of two variables holds, whatever rules set; 0 and slot 0 of 1: it says nothing. */
export function pinTx(slot: u32, value: u32, otherSlot: u32, otherValue: u32): void {
  pinned = slot == 0 || value == 0 ? 0 : cellOf(slot - 1);
  otherPinned = otherSlot == 0 || otherValue == 0 ? 0 : cellOf(otherSlot - 1);
  if (pinned != 0) setNumber(pinned, value);
  if (otherPinned != 0) setNumber(otherPinned, otherValue);
}

@inline
export function isPinned(cell: usize): bool {
  return cell == pinned || cell == otherPinned;
}

/** A copy of all variables; made names that come after it are not in it. */
export function keepTx(): usize {
  const fixed = <usize>slotCount * cellBytes;
  const bytes = fixed + <usize>madeCount * cellBytes;
  charge(8 + (<u32>bytes >> 5));
  const kept = arenaTake(<i32>bytes);
  memory.copy(kept, cells, fixed);
  let at = kept + fixed;
  for (let entry = made; entry != 0; entry = nextMade(entry), at += cellBytes)
    memory.copy(at, madeCell(entry), cellBytes);
  return kept;
}

/** `count` names were made when the copy was; those that were made since are not set. */
export function restoreTx(kept: usize, count: i32): void {
  const fixed = <usize>slotCount * cellBytes;
  memory.copy(cells, kept, fixed);
  let at = kept + fixed;
  let index = 0;
  for (let entry = made; entry != 0; entry = nextMade(entry), at += cellBytes) {
    if (index++ < count) memory.copy(madeCell(entry), at, cellBytes);
    else unsetCell(madeCell(entry));
  }
}

export function unsetCell(cell: usize): void {
  store<u32>(cell, Cell.unset);
}

export function numberOf(cell: usize): i32 {
  const kind = cellKind(cell);
  if (kind == Cell.number) return load<i32>(cell, 4);
  return kind == Cell.text ? parseNumber(load<usize>(cell, 4), load<i32>(cell, 8)) : 0;
}

/** Text of the cell read last. */
export let cellAt: usize = 0;
export let cellLength: i32 = 0;

export function readCell(cell: usize): bool {
  const kind = cellKind(cell);
  if (kind == Cell.unset) return false;
  if (kind == Cell.text) {
    cellAt = load<usize>(cell, 4);
    cellLength = load<i32>(cell, 8);
  } else {
    formatNumber(load<i32>(cell, 4));
    cellAt = numberAt;
    cellLength = numberLength;
  }
  return true;
}

export function madeNameAt(entry: usize): usize {
  return stringAt(madeName(entry));
}

export function madeNameLength(entry: usize): i32 {
  return stringLength(madeName(entry));
}
