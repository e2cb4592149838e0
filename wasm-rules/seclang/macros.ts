/** Texts with references in them, put together: `Matched Data: %{TX.0} found within %{MATCHED_VAR_NAME}`. */
import { arenaTake } from '../engine/arena';
import { settleCaptures } from './captures';
import { charge } from './fuel';
import {
  captureSlots,
  follow,
  imageAt,
  Part,
  PieceKind,
  PieceWord,
  Source,
  textAt,
  textLength,
  word,
} from './layout';
import { singleValue } from './singles';
import { equalsLower } from './text';
import { cellAt, cellLength, cellOf, readCell } from './tx';
import { firstOf, nameAt, nameLength, nextOf, valueAt, valueLength } from './values';

/** What was put together last; it lies in the arena or in the image. */
export let expandedAt: usize = 0;
export let expandedLength: i32 = 0;

/** Beyond it the text is cut: it is for names, limits and logs. */
const expandedBytesMax: i32 = 65536;

let pieceAt: usize = 0;
let pieceLength: i32 = 0;

/** `macro` is an offset in the image; 0 is the empty text. */
export function expand(macro: u32): void {
  expandedLength = 0;
  if (macro == 0) return;
  const at = imageAt(macro);
  const count = word(at, 0);
  if (count == 1) {
    resolve(at + 4);
    expandedAt = pieceAt;
    expandedLength = pieceLength;
    return;
  }
  let length: i32 = 0;
  let room: i32 = 256;
  let text = arenaTake(room);
  for (let i: u32 = 0; i < count; i++) {
    resolve(at + 4 + i * (PieceWord.size << 2));
    const bytes = min(pieceLength, expandedBytesMax - length);
    charge(4 + (<u32>bytes >> 2));
    if (length + bytes > room) {
      room = (length + bytes) << 1;
      const larger = arenaTake(room);
      memory.copy(larger, text, length);
      text = larger;
    }
    memory.copy(text + length, pieceAt, bytes);
    length += bytes;
  }
  expandedAt = text;
  expandedLength = length;
}

function resolve(piece: usize): void {
  pieceLength = 0;
  const kind = word(piece, PieceWord.kind);
  if (kind == PieceKind.text) {
    const text = follow(piece, PieceWord.value);
    pieceAt = textAt(text);
    pieceLength = textLength(text);
    return;
  }
  if (kind == PieceKind.slot) {
    const slot = word(piece, PieceWord.slot);
    if (slot < captureSlots) settleCaptures();
    readInto(cellOf(slot));
    return;
  }
  const sources = word(piece, PieceWord.value);
  const name = word(piece, PieceWord.name);
  const part = <i32>((sources >> 16) & 255);
  if (!resolveFrom(<i32>(sources & 255), part, name))
    resolveFrom(<i32>((sources >> 8) & 255), part, name);
}

function readInto(cell: usize): void {
  if (!readCell(cell)) return;
  pieceAt = cellAt;
  pieceLength = cellLength;
}

/** The first value of that name, or the first of all. */
function resolveFrom(source: i32, part: i32, name: u32): bool {
  if (source == Source.none) return false;
  if (source == Source.tx) return false;
  if (source >= Source.firstSingle) {
    const value = singleValue(source);
    if (value == 0) return false;
    pieceAt = valueAt(value);
    pieceLength = valueLength(value);
    return true;
  }
  for (let value = firstOf(source); value != 0; value = nextOf(value)) {
    charge(1);
    if (name != 0) {
      const wanted = imageAt(name);
      const length = nameLength(value);
      if (textLength(wanted) != length || !equalsLower(nameAt(value), length, textAt(wanted))) continue;
    }
    pieceAt = part == Part.name ? nameAt(value) : valueAt(value);
    pieceLength = part == Part.name ? nameLength(value) : valueLength(value);
    return true;
  }
  return false;
}
