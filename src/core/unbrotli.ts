/**
 * Brotli (RFC 7932) taken apart as it comes, in any pieces.
 *
 * ```
 * window ─► meta-block: stored │ skipped │ head ─► command ─► literals ─► distance, copy ─► command … ─► last one ─► end
 * ```
 *
 * As in `inflater.ts`, and for the same reason: a body is forwarded piece by piece behind rules that see at once what the
 * origin will make of it, and Node's own decoder works in other threads or on whole bodies. An element for which bytes
 * are missing is begun again with the next piece: a code of a few hundred bytes at most.
 */
import { BitReader } from './bit-reader.ts';
import { BlockSplit, ContextMap, literalContext } from './brotli-blocks.ts';
import { type Code, lackingOf, symbolOf, takeCode } from './brotli-codes.ts';
import { BrotliHistory, type BytesBudget } from './brotli-history.ts';
import { wordOf } from './brotli-words.ts';
import type { Inflated } from './inflater.ts';

type Step = 'go' | 'more' | 'full' | 'bad';
type State =
  | 'window'
  | 'meta-block'
  | 'stored'
  | 'skipped'
  | 'head'
  | 'command'
  | 'literals'
  | 'copy'
  | 'meta-block end'
  | 'end';

const literals = 0;
const commands = 1;
const distances = 2;
const firstRoomBytes = 65_536;

export class Unbrotli {
  readonly #reader = new BitReader();
  readonly #history: BrotliHistory;
  #state: State = 'window';
  #windowBytes = 0;
  #isLast = false;
  /** Of the meta-block. */
  #left = 0;
  #splits: BlockSplit[] = [];
  #postfixBits = 0;
  #directDistances = 0;
  #modes: number[] = [];
  #maps: ContextMap[] = [];
  #isMapOpen = false;
  /** For literals, commands and distances, by what the maps name. */
  #codes: [Code[], Code[], Code[]] = [[], [], []];
  /** Of the command. */
  #insertLeft = 0;
  #copyBytes = 0;
  #hasDistance = false;
  /** The last one first. */
  #lastDistances = [4, 11, 15, 16];
  #out = new Uint8Array(0);
  #outAt = 0;
  #outMax = 0;

  constructor(budget?: BytesBudget) {
    this.#history = new BrotliHistory(budget);
  }

  /** Nothing is missing at its end. */
  get isWhole(): boolean {
    return this.#state === 'end' && this.#reader.rest().length === 0;
  }

  /** What comes of these bytes, at most so many. After a word in place of bytes nothing more is to be given. */
  push(bytes: Uint8Array, bytesMax: number): Inflated {
    this.#reader.feed(bytes);
    this.#out = new Uint8Array(Math.min(bytesMax, firstRoomBytes));
    this.#outAt = 0;
    this.#outMax = bytesMax;
    let step: Step = 'go';
    while (step === 'go') step = this.#step();
    if (step === 'bad') return 'unreadable';
    const decoded = Buffer.from(this.#out.subarray(0, this.#outAt));
    this.#out = new Uint8Array(0);
    if (step === 'full' || !this.#history.append(decoded, this.#windowBytes)) return 'too-long';
    this.#reader.keepRest();
    return decoded;
  }

  /** To be called when no more comes: what it may copy from counts against a bound until then. */
  close(): void {
    this.#history.close();
  }

  #step(): Step {
    const state = this.#state;
    if (state === 'literals') return this.#literals();
    if (state === 'stored' || state === 'skipped') return this.#wholeBytes(state === 'stored');
    if (state === 'end') return this.#end();
    if (state === 'meta-block end') return this.#metaBlockEnd();
    this.#reader.mark();
    const step =
      state === 'command'
        ? this.#command()
        : state === 'copy'
          ? this.#copy()
          : state === 'head'
            ? this.#head()
            : state === 'window'
              ? this.#window()
              : this.#metaBlock();
    if (step === 'more') this.#reader.backToMark();
    return step;
  }

  #window(): Step {
    const reader = this.#reader;
    let bits = 16;
    if (reader.take(1) !== 0) {
      const large = reader.take(3);
      const small = large === 0 ? reader.take(3) : 0;
      if (large < 0 || small < 0) return 'more';
      // One is for windows that no field of HTTP names.
      if (small === 1) return 'bad';
      bits = large > 0 ? 17 + large : small === 0 ? 17 : 8 + small;
    }
    this.#windowBytes = (1 << bits) - 16;
    return this.#to('meta-block');
  }

  #metaBlock(): Step {
    const reader = this.#reader;
    const isLast = reader.take(1);
    const isEmpty = isLast === 1 ? reader.take(1) : 0;
    if (isLast < 0 || isEmpty < 0) return 'more';
    if (isEmpty === 1) {
      this.#isLast = true;
      return this.#to('meta-block end');
    }
    const nibbles = reader.take(2) + 4;
    if (nibbles < 4) return 'more';
    if (nibbles === 7) return this.#skippedHead(isLast === 1);
    let length = 0;
    for (let i = 0; i < nibbles; i++) {
      const nibble = reader.take(4);
      if (nibble < 0) return 'more';
      if (nibble === 0 && i === nibbles - 1 && nibbles > 4) return 'bad';
      length |= nibble << (i * 4);
    }
    const isStored = isLast === 1 ? 0 : reader.take(1);
    if (isStored < 0) return 'more';
    if (isStored === 1 && reader.align() !== 0) return 'bad';
    this.#isLast = isLast === 1;
    this.#left = length + 1;
    this.#splits = [];
    this.#modes = [];
    this.#maps = [];
    this.#codes = [[], [], []];
    return this.#to(isStored === 1 ? 'stored' : 'head');
  }

  /** Bytes that are no content. */
  #skippedHead(isLast: boolean): Step {
    const reader = this.#reader;
    const reserved = reader.take(1);
    if (reserved === 1) return 'bad';
    const lengthBytes = reader.take(2);
    if (reserved < 0 || lengthBytes < 0) return 'more';
    let length = 0;
    for (let i = 0; i < lengthBytes; i++) {
      const byte = reader.take(8);
      if (byte < 0) return 'more';
      if (byte === 0 && i === lengthBytes - 1 && lengthBytes > 1) return 'bad';
      length |= byte << (i * 8);
    }
    if (reader.align() !== 0) return 'bad';
    this.#isLast = isLast;
    this.#left = lengthBytes === 0 ? 0 : length + 1;
    return this.#to('skipped');
  }

  #wholeBytes(areContent: boolean): Step {
    const rest = this.#reader.rest();
    const length = Math.min(this.#left, rest.length);
    if (areContent) {
      if (!this.#hasRoom(length)) return 'full';
      this.#out.set(rest.subarray(0, length), this.#outAt);
      this.#outAt += length;
    }
    this.#reader.skip(length);
    this.#left -= length;
    return this.#left > 0 ? 'more' : this.#to('meta-block end');
  }

  /** One part of it at a time. */
  #head(): Step {
    const reader = this.#reader;
    if (this.#splits.length < 3) {
      const split = BlockSplit.take(reader);
      if (typeof split === 'string') return split;
      this.#splits.push(split);
      return 'go';
    }
    if (this.#modes.length === 0) return this.#parameters();
    if (this.#maps.length < 2 || this.#isMapOpen) return this.#contextMap();
    const alphabets = [256, 704, 16 + this.#directDistances + (48 << this.#postfixBits)];
    const counts = [this.#mapOf(literals).codes, this.#split(commands).types, this.#mapOf(1).codes];
    const kind = this.#codes.findIndex((codes, i) => codes.length < (counts[i] as number));
    if (kind < 0) return this.#to('command');
    const code = takeCode(reader, alphabets[kind] as number);
    if (typeof code === 'string') return code;
    (this.#codes[kind] as Code[]).push(code);
    return 'go';
  }

  #parameters(): Step {
    const reader = this.#reader;
    const postfixBits = reader.take(2);
    const direct = reader.take(4);
    if (postfixBits < 0 || direct < 0) return 'more';
    const modes: number[] = [];
    for (let i = 0; i < this.#split(literals).types; i++) {
      const mode = reader.take(2);
      if (mode < 0) return 'more';
      modes.push(mode);
    }
    this.#postfixBits = postfixBits;
    this.#directDistances = direct << postfixBits;
    this.#modes = modes;
    return 'go';
  }

  #contextMap(): Step {
    if (!this.#isMapOpen) {
      const size =
        this.#maps.length === 0
          ? this.#split(literals).types * 64
          : this.#split(distances).types * 4;
      const map = ContextMap.take(this.#reader, size);
      if (typeof map === 'string') return map;
      this.#maps.push(map);
      this.#isMapOpen = true;
      return 'go';
    }
    const filled = (this.#maps.at(-1) as ContextMap).fill(this.#reader);
    if (filled !== true) return filled;
    this.#isMapOpen = false;
    return 'go';
  }

  /** How many literals, and how much is copied behind them. */
  #command(): Step {
    const split = this.#split(commands);
    if (split.left === 0) return split.next(this.#reader);
    const reader = this.#reader;
    const symbol = symbolOf(reader, this.#codes[commands][split.type] as Code);
    if (symbol < 0) return lackingOf(symbol);
    const cell = cells[symbol >> 6] as (typeof cells)[number];
    const insertCode = cell[0] + ((symbol >> 3) & 7);
    const copyCode = cell[1] + (symbol & 7);
    const insertMore = reader.take(insertBits[insertCode] as number);
    const copyMore = reader.take(copyBits[copyCode] as number);
    if (insertMore < 0 || copyMore < 0) return 'more';
    split.left--;
    this.#insertLeft = (insertBase[insertCode] as number) + insertMore;
    this.#copyBytes = (copyBase[copyCode] as number) + copyMore;
    this.#hasDistance = symbol >= 128;
    if (this.#insertLeft > this.#left) return 'bad';
    return this.#to('literals');
  }

  #literals(): Step {
    const reader = this.#reader;
    const split = this.#split(literals);
    const codes = this.#codes[literals];
    const { map } = this.#mapOf(literals);
    let last = this.#byteBack(1);
    let before = this.#byteBack(2);
    while (this.#insertLeft > 0) {
      reader.mark();
      if (split.left === 0) {
        const step = split.next(reader);
        if (step !== 'go') return this.#lacking(step);
        continue;
      }
      if (!this.#hasRoom(1)) return 'full';
      const context = literalContext(this.#modes[split.type] as number, last, before);
      const symbol = symbolOf(reader, codes[map[split.type * 64 + context] as number] as Code);
      if (symbol < 0) return this.#lacking(lackingOf(symbol));
      this.#out[this.#outAt++] = symbol;
      before = last;
      last = symbol;
      split.left--;
      this.#insertLeft--;
      this.#left--;
    }
    return this.#to(this.#left > 0 ? 'copy' : 'meta-block end');
  }

  #lacking(step: 'more' | 'bad'): Step {
    if (step === 'more') this.#reader.backToMark();
    return step;
  }

  #copy(): Step {
    const code = this.#hasDistance ? this.#distanceCode() : 0;
    if (typeof code === 'string') return code;
    const distance = this.#distanceOf(code);
    if (distance === -1) return 'more';
    if (distance <= 0) return 'bad';
    if (this.#hasDistance) this.#split(distances).left--;
    const reach = Math.min(this.#windowBytes, this.#history.total + this.#outAt);
    const step =
      distance > reach ? this.#word(distance - reach - 1) : this.#copyFrom(distance, code);
    return step === 'go' ? this.#to(this.#left > 0 ? 'command' : 'meta-block end') : step;
  }

  /** A word stands for a block that ended. */
  #distanceCode(): number | Step {
    const split = this.#split(distances);
    while (split.left === 0) {
      const step = split.next(this.#reader);
      if (step !== 'go') return step;
      // It stays, should bits be missing behind it.
      this.#reader.mark();
    }
    const context = split.type * 4 + Math.min(this.#copyBytes, 5) - 2;
    const { map } = this.#mapOf(1);
    const codes = this.#codes[distances];
    const symbol = symbolOf(
      this.#reader,
      codes[map[Math.min(context, split.type * 4 + 3)] as number] as Code,
    );
    return symbol < 0 ? lackingOf(symbol) : symbol;
  }

  /** -1 where bits are missing; 0 or less where it is none. */
  #distanceOf(code: number): number {
    if (code < 16) {
      const [which = 0, change = 0] = nearDistances[code] as readonly [number, number];
      const distance = (this.#lastDistances[which] as number) + change;
      return distance > 0 ? distance : -2;
    }
    const direct = this.#directDistances;
    if (code < 16 + direct) return code - 15;
    const rest = code - direct - 16;
    const bits = 1 + (rest >> (this.#postfixBits + 1));
    const half = (rest >> this.#postfixBits) & 1;
    const low = rest & ((1 << this.#postfixBits) - 1);
    const more = this.#reader.take(bits);
    if (more < 0) return -1;
    const offset = ((2 + half) << bits) - 4;
    return (offset + more) * (1 << this.#postfixBits) + low + direct + 1;
  }

  /** A word of those that are known without being sent; it is not among the last distances. */
  #word(id: number): Step {
    const word = wordOf(this.#copyBytes, id);
    if (word === null || word.length > this.#left) return 'bad';
    if (!this.#hasRoom(word.length)) return 'full';
    this.#out.set(word, this.#outAt);
    this.#outAt += word.length;
    this.#left -= word.length;
    return 'go';
  }

  #copyFrom(distance: number, code: number): Step {
    const length = this.#copyBytes;
    if (length > this.#left) return 'bad';
    const behind = distance - this.#outAt;
    // In the window, and yet no longer kept.
    if (behind > this.#history.size) return 'full';
    if (!this.#hasRoom(length)) return 'full';
    if (code !== 0) this.#lastDistances = [distance, ...this.#lastDistances.slice(0, 3)];
    const out = this.#out;
    const end = this.#outAt + length;
    let to = this.#outAt;
    for (let from = behind; from > 0 && to < end; from--) out[to++] = this.#history.back(from);
    for (let from = to - distance; to < end; ) out[to++] = out[from++] as number;
    this.#outAt = end;
    this.#left -= length;
    return 'go';
  }

  #metaBlockEnd(): Step {
    if (!this.#isLast) return this.#to('meta-block');
    return this.#reader.align() === 0 ? this.#to('end') : 'bad';
  }

  /** Zeros alone may stand behind it: whatever else it is, some origin may read it. */
  #end(): Step {
    const rest = this.#reader.rest();
    if (rest.some((byte) => byte !== 0)) return 'bad';
    this.#reader.skip(rest.length);
    return 'more';
  }

  #to(state: State): Step {
    this.#state = state;
    return 'go';
  }

  #split(kind: number): BlockSplit {
    return this.#splits[kind] as BlockSplit;
  }

  /** 0: of literals, 1: of distances. */
  #mapOf(which: number): ContextMap {
    return this.#maps[which] as ContextMap;
  }

  /** 0 before the first one. */
  #byteBack(distance: number): number {
    if (distance <= this.#outAt) return this.#out[this.#outAt - distance] as number;
    const behind = distance - this.#outAt;
    return behind <= this.#history.size ? this.#history.back(behind) : 0;
  }

  #hasRoom(bytes: number): boolean {
    const needed = this.#outAt + bytes;
    if (needed > this.#outMax) return false;
    if (needed <= this.#out.length) return true;
    const out = new Uint8Array(Math.min(this.#outMax, Math.max(needed, this.#out.length * 2)));
    out.set(this.#out.subarray(0, this.#outAt));
    this.#out = out;
    return true;
  }
}

/** Where the lengths of a command begin: of literals, of the copy. */
const cells = [
  [0, 0],
  [0, 8],
  [0, 0],
  [0, 8],
  [8, 0],
  [8, 8],
  [0, 16],
  [16, 0],
  [8, 16],
  [16, 8],
  [16, 16],
] as const;
/** Which of the last distances, and how far from it. */
const nearDistances = [
  [0, 0],
  [1, 0],
  [2, 0],
  [3, 0],
  [0, -1],
  [0, 1],
  [0, -2],
  [0, 2],
  [0, -3],
  [0, 3],
  [1, -1],
  [1, 1],
  [1, -2],
  [1, 2],
  [1, -3],
  [1, 3],
] as const;
const insertBase = [
  0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 18, 26, 34, 50, 66, 98, 130, 194, 322, 578, 1090, 2114, 6210,
  22_594,
];
const insertBits = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14, 24];
const copyBase = [
  2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 22, 30, 38, 54, 70, 102, 134, 198, 326, 582, 1094, 2118,
];
const copyBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 24];
