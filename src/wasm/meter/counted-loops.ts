/**
 * Loops whose rounds are known before they run: a counter goes up by one in each, and a test at the head ends
 * the loop where it has reached a bound that the loop does not change.
 *
 * ```
 * loop
 *   local.get COUNTER  BOUND  i32.lt or i32.le      or  BOUND  local.get COUNTER  i32.gt or i32.ge
 *   if
 *     …                                    writes neither the counter nor a local of the bound
 *     local.get COUNTER  i32.const 1  i32.add  local.set COUNTER
 *     br 1                                 the only branch to the loop, and none goes to the if
 *   end
 * end
 * ```
 *
 * BOUND is of local.get, i32.const, i32.add and i32.sub. That is how AssemblyScript writes its loops. Whatever looks
 * different, by one instruction, is no counted loop and pays at each branch back; so a module gains nothing by
 * pretending to be one.
 */
import { BinaryReader } from './binary-reader.ts';
import { type BodyEvents, event, field, fields, setField, setFields } from './body-events.ts';
import { opcode } from './opcodes.ts';
import type { PrepaidFunctions } from './prepaid-functions.ts';
import { blockWithoutResult } from './value-types.ts';

export type CountedLoop = {
  readonly at: number;
  readonly counter: number;
  /** Of the instructions that make the bound, up to them and the test. */
  readonly boundStart: number;
  readonly boundEnd: number;
  /** Behind the test. */
  readonly headEnd: number;
  readonly isSigned: boolean;
  /** The counter may be at the bound. */
  readonly isInclusive: boolean;
  /** The bound comes first: `bound > counter`. */
  readonly isSwapped: boolean;
  /** The branch back. */
  readonly backAt: number;
  /** Behind its end. */
  readonly endAfter: number;
  /** How often it branches back at most; null where its text does not say so. */
  readonly trips: number | null;
  /** Whether it can be paid for as a whole: it calls nobody who pays, is not left by `br_if`, and holds no such loop. */
  readonly isWhole: boolean;
};

/** Writes to locals in one loop that are looked at. */
const setsMax = 64;
const operandsMax = 9;
const tripsMax = 64;

type Test = Pick<CountedLoop, 'isSigned' | 'isInclusive' | 'isSwapped'>;

type Operand = { readonly start: number; readonly code: number; readonly value: number };

type Head = Pick<CountedLoop, 'counter' | 'boundStart' | 'boundEnd' | 'headEnd' | keyof Test> & {
  readonly locals: readonly number[];
  readonly constant: number | null;
};

const test = (isSigned: boolean, isInclusive: boolean, isSwapped: boolean): Test => ({
  isSigned,
  isInclusive,
  isSwapped,
});
const tests: ReadonlyMap<number, Test> = new Map([
  [opcode.i32LtS, test(true, false, false)],
  [opcode.i32LtU, test(false, false, false)],
  [opcode.i32LeS, test(true, true, false)],
  [opcode.i32LeU, test(false, true, false)],
  [opcode.i32GtS, test(true, false, true)],
  [opcode.i32GtU, test(false, false, true)],
  [opcode.i32GeS, test(true, true, true)],
  [opcode.i32GeU, test(false, true, true)],
]);

type Open = {
  /** Null for what is no loop with such a head. */
  readonly head: Head | null;
  readonly index: number;
  readonly at: number;
  isWhole: boolean;
  isOther: boolean;
  branches: number;
  backAt: number;
  backAfter: number;
  ifEndAt: number;
  ifEndAfter: number;
};

export class CountedLoops {
  readonly #byEvent = new Map<number, CountedLoop>();
  readonly #open: Open[] = [];
  /** Of the writes to locals: behind those that have been passed. */
  #passed = 0;

  /** Of the event of a loop; null for every other. */
  of(index: number): CountedLoop | null {
    return this.#byEvent.get(index) ?? null;
  }

  find(bytes: Uint8Array, events: BodyEvents, prepaid: PrepaidFunctions): void {
    this.#byEvent.clear();
    this.#open.length = 0;
    this.#passed = 0;
    if (events.loops === 0) return;
    const { values } = events;
    for (let index = 0; index < events.length; index += fields) {
      const kind = values[index] ?? 0;
      const at = values[index + field.at] ?? 0;
      const after = values[index + field.after] ?? 0;
      const first = values[index + field.first] ?? 0;
      if (kind === event.block || kind === event.if || kind === event.loop) {
        const head = kind === event.loop ? readHead(bytes, at, events.codeEnd) : null;
        this.#open.push({
          ...{ head, index, at, isWhole: true, isOther: false, branches: 0 },
          ...{ backAt: -1, backAfter: -1, ifEndAt: -1, ifEndAfter: -1 },
        });
      } else if (kind === event.end) this.#close(bytes, events, at, after);
      else if (kind === event.else) this.#spoil(this.#open.length - 2);
      else if (kind === event.branch) this.#branch(this.#open.length - 1 - first, at, after);
      else if (kind === event.branchIf) this.#branchAway(this.#open.length - 1 - first, false);
      else if (kind === event.branchTable) this.#branchAway(this.#open.length - 1 - first, true);
      else if (kind === event.call ? !prepaid.isFree(first) : isCallLike(kind)) this.#pays();
    }
  }

  /** The block at `depth` is not what it should be. */
  #spoil(depth: number): void {
    const open = this.#open[depth];
    if (open !== undefined) open.isOther = true;
  }

  #branch(depth: number, at: number, after: number): void {
    const target = this.#open[depth];
    if (target === undefined) return;
    target.branches++;
    target.backAt = at;
    target.backAfter = after;
    // To the if that is its body: past the branch back, before the counter is at its bound.
    this.#spoil(depth - 1);
  }

  /** By `br_if` or `br_table`, to that depth or, of a table, to any between. */
  #branchAway(depth: number, isTable: boolean): void {
    this.#spoil(depth);
    this.#spoil(depth - 1);
    for (let inner = Math.max(depth + 1, 0); inner < this.#open.length; inner++) {
      const open = this.#open[inner];
      if (open === undefined) continue;
      open.isWhole = false;
      if (isTable) open.isOther = true;
    }
  }

  /** Who is called, or a loop inside, has to know how much fuel there is. */
  #pays(): void {
    for (const open of this.#open) open.isWhole = false;
  }

  #close(bytes: Uint8Array, events: BodyEvents, at: number, after: number): void {
    const closed = this.#open.pop();
    if (closed === undefined) return;
    const around = this.#open.at(-1);
    if (around !== undefined) {
      around.ifEndAt = at;
      around.ifEndAfter = after;
    }
    const { head } = closed;
    if (head === null || closed.isOther || closed.branches !== 1) return;
    // The branch back, the end of the if, the end of the loop: nothing in between.
    if (closed.backAfter !== closed.ifEndAt || closed.ifEndAfter !== at) return;
    const { sets, setsLength } = events;
    while (this.#passed < setsLength && (sets[this.#passed] ?? 0) < after)
      this.#passed += setFields;
    if (!writesAsCounted(bytes, sets, this.#passed, closed, head)) return;
    const { locals: _locals, constant: _constant, ...known } = head;
    // What is inside runs more often: it pays as a whole rather than what is around it.
    if (closed.isWhole) this.#pays();
    this.#byEvent.set(closed.index, {
      ...known,
      ...{ at: closed.at, backAt: closed.backAt, endAfter: after, isWhole: closed.isWhole },
      trips: tripsOf(bytes, sets, this.#passed, closed.at, head),
    });
  }
}

/** What may leave the function, or what it holds the fuel in. */
const isCallLike = (kind: number): boolean =>
  kind === event.callIndirect || kind === event.returnCall || kind === event.returnCallIndirect;

/** The test at the head of a loop without parameters, and the if it decides. */
function readHead(bytes: Uint8Array, at: number, end: number): Head | null {
  if (bytes[at + 1] !== blockWithoutResult || bytes[at + 2] !== opcode.localGet) return null;
  const reader = new BinaryReader(bytes, at + 2, end);
  const operands: Operand[] = [];
  while (operands.length <= operandsMax) {
    const start = reader.at;
    const code = reader.byte();
    if (code === opcode.localGet) operands.push({ start, code, value: reader.u32() });
    else if (code === opcode.i32Const) operands.push({ start, code, value: readS32(reader) });
    else if (code === opcode.i32Add || code === opcode.i32Sub)
      operands.push({ start, code, value: 0 });
    else {
      const test = tests.get(code);
      if (test === undefined) return null;
      if (bytes[reader.at] !== opcode.if || bytes[reader.at + 1] !== blockWithoutResult)
        return null;
      return headOf(operands, test, start);
    }
  }
  return null;
}

function headOf(operands: Operand[], test: Test, testAt: number): Head | null {
  const counter = test.isSwapped ? operands.at(-1) : operands[0];
  const bound = test.isSwapped ? operands.slice(0, -1) : operands.slice(1);
  const [first] = bound;
  if (counter?.code !== opcode.localGet || first === undefined || !isOneValue(bound)) return null;
  const boundEnd = test.isSwapped ? counter.start : testAt;
  return {
    ...test,
    counter: counter.value,
    boundStart: first.start,
    boundEnd,
    headEnd: testAt + 1,
    locals: bound.filter(({ code }) => code === opcode.localGet).map(({ value }) => value),
    constant: bound.length === 1 && first.code === opcode.i32Const ? first.value : null,
  };
}

function isOneValue(operands: readonly Operand[]): boolean {
  let depth = 0;
  for (const { code } of operands) {
    const isPair = code === opcode.i32Add || code === opcode.i32Sub;
    if (isPair && depth < 2) return false;
    depth += isPair ? -1 : 1;
  }
  return depth === 1;
}

/** In the loop only the step before the branch back writes the counter, and nothing a local of the bound. */
function writesAsCounted(
  bytes: Uint8Array,
  sets: Int32Array,
  passed: number,
  { at, backAt }: Open,
  { counter, locals }: Head,
): boolean {
  let steps = 0;
  let seen = 0;
  for (let i = passed - setFields; i >= 0; i -= setFields) {
    const place = sets[i + setField.at] ?? 0;
    if (place < at) break;
    if (++seen > setsMax) return false;
    const local = sets[i + setField.local] ?? 0;
    if (locals.includes(local)) return false;
    if (local !== counter) continue;
    steps++;
    if (!isStep(bytes, sets[i + setField.third] ?? -1, place, counter, backAt)) return false;
  }
  return steps === 1;
}

/** `from` is where the third instruction before the write begins, so nothing is mistaken for another. */
function isStep(
  bytes: Uint8Array,
  from: number,
  setAt: number,
  counter: number,
  backAt: number,
): boolean {
  if (from < 0 || bytes[from] !== opcode.localGet) return false;
  const reader = new BinaryReader(bytes, from + 1, backAt);
  if (reader.u32() !== counter || reader.byte() !== opcode.i32Const) return false;
  if (readS32(reader) !== 1 || reader.byte() !== opcode.i32Add) return false;
  if (reader.at !== setAt || reader.byte() !== opcode.localSet) return false;
  return reader.u32() === counter && reader.at === backAt;
}

/** Both ends written down: the bound a constant, the counter set to one just before the loop. */
function tripsOf(
  bytes: Uint8Array,
  sets: Int32Array,
  passed: number,
  loopAt: number,
  { counter, isSigned, isInclusive, constant }: Head,
): number | null {
  if (constant === null) return null;
  for (let i = passed - setFields; i >= 0; i -= setFields) {
    const place = sets[i + setField.at] ?? 0;
    if (place > loopAt) continue;
    if (sets[i + setField.local] !== counter) return null;
    const start = startConstant(bytes, sets[i + setField.before] ?? -1, place, loopAt);
    if (start === null) return null;
    const [from, to] = isSigned ? [start, constant] : [start >>> 0, constant >>> 0];
    const trips = to - from + (isInclusive ? 1 : 0);
    return trips >= 0 && trips <= tripsMax ? trips : null;
  }
  return null;
}

/** Of `i32.const`, `local.set` and blocks that open, with the loop behind them. */
function startConstant(
  bytes: Uint8Array,
  from: number,
  setAt: number,
  loopAt: number,
): number | null {
  if (from < 0 || bytes[from] !== opcode.i32Const || bytes[setAt] !== opcode.localSet) return null;
  const reader = new BinaryReader(bytes, from + 1, loopAt);
  const value = readS32(reader);
  if (reader.at !== setAt) return null;
  reader.skip(1);
  reader.u32();
  while (reader.at < loopAt) {
    if (reader.byte() !== opcode.block || reader.at >= loopAt) return null;
    const type = reader.byte();
    if (type < 0x40 || type > 0x7f) return null;
  }
  return value;
}

/** The engine has seen that it is one. */
function readS32(reader: BinaryReader): number {
  let value = 0;
  let shift = 0;
  while (true) {
    const byte = reader.byte();
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
  }
}
