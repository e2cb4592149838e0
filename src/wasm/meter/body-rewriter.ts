/**
 * Copies one function with the meter, and where asked for the marks of isolation, put in between. What
 * was there keeps its order and its bytes; what is put in leaves the stack as it was.
 */
import type { BodyEvents } from './body-events.ts';
import { event, field, fields } from './body-events.ts';
import { ByteWriter } from './byte-writer.ts';
import { ChargePoints, whenTaken } from './charge-points.ts';
import { type CountedLoop, CountedLoops } from './counted-loops.ts';
import { FuelCode } from './fuel-code.ts';
import { prefersLocalFuel } from './local-fuel.ts';
import { MeterFault } from './meter-fault.ts';
import type { OffsetMap } from './offset-map.ts';
import { opcode } from './opcodes.ts';
import type { PrepaidFunctions } from './prepaid-functions.ts';
import { StoreMarks } from './store-marks.ts';
import { Temporaries, temporary } from './temporaries.ts';
import { blockWithoutResult } from './value-types.ts';

/** What V8 takes. */
const bodyBytesMax = 7_654_321;

export type BodyRewriterOptions = {
  readonly bytes: Uint8Array;
  readonly prepaid: PrepaidFunctions;
  readonly fuelGlobal: number;
  /** The function that marks a range; null without isolation. */
  readonly touchFunction: number | null;
  /** Gets the places of what is copied; null where nobody asks for them. */
  readonly offsets: OffsetMap | null;
};

export class BodyRewriter {
  readonly #options: BodyRewriterOptions;
  readonly #points = new ChargePoints();
  readonly #counted = new CountedLoops();
  readonly #temporaries = new Temporaries();
  readonly #code: ByteWriter;
  readonly #fuel: FuelCode;
  readonly #marks: StoreMarks | null;
  /** The counted loop that is being written. */
  #running: {
    readonly loop: CountedLoop;
    readonly depth: number;
  } | null = null;
  #copied = 0;
  /** Of this function: where in its code a piece begins, and where it comes from. */
  readonly #pieces: number[] = [];

  constructor(options: BodyRewriterOptions) {
    this.#options = options;
    this.#code = new ByteWriter(65_536);
    this.#fuel = new FuelCode(this.#code, this.#temporaries, options.fuelGlobal);
    this.#marks =
      options.touchFunction === null
        ? null
        : new StoreMarks(this.#code, this.#temporaries, options.touchFunction);
  }

  /** `events` has read the function; `parameters` is how many it takes. */
  write(out: ByteWriter, events: BodyEvents, parameters: number, isPrepaid: boolean): void {
    this.#temporaries.reset(parameters + events.locals);
    this.#code.length = 0;
    this.#copied = events.codeStart;
    this.#writeCode(events, isPrepaid);
    const length = out.openLength();
    out.u32(events.localEntries + this.#temporaries.count);
    out.copy(this.#options.bytes, events.localsStart, events.codeStart);
    this.#temporaries.write(out);
    this.#tellPlaces(out.length);
    out.copy(this.#code.written, 0, this.#code.length);
    if (out.length - length > bodyBytesMax)
      throw new MeterFault(
        `a metered function has ${out.length - length} bytes: at most ${bodyBytesMax} are possible; split it`,
        events.localsStart,
      );
    out.closeLength(length);
  }

  #writeCode(events: BodyEvents, isPrepaid: boolean): void {
    const points = this.#points;
    const fuel = this.#fuel;
    const { bytes, prepaid } = this.#options;
    const counted = this.#counted;
    counted.find(bytes, events, prepaid);
    fuel.begin(prefersLocalFuel(events, prepaid, counted));
    points.plan(bytes, events, prepaid, isPrepaid, counted);
    this.#running = null;
    let point = 0;
    let depth = 0;
    const { values } = events;
    for (let i = 0; i < events.length; i += fields) {
      const kind = values[i] ?? 0;
      const at = values[i + field.at] ?? 0;
      const after = values[i + field.after] ?? 0;
      const first = values[i + field.first] ?? 0;
      point = this.#chargeUpTo(at, point);
      switch (kind) {
        case event.loop:
          this.#beginCounted(counted.of(i), point, depth++);
          break;
        case event.block:
        case event.if:
          depth++;
          break;
        case event.end:
          if (depth === 0) this.#leave(at);
          depth--;
          this.#endCounted(after);
          break;
        case event.branch:
          this.#leaveCounted(at, depth - 1 - first);
          if (first === depth) this.#leave(at);
          break;
        case event.branchTable:
          if (first === depth) this.#leave(at);
          break;
        case event.branchIf:
          if (first === depth) this.#leave(at);
          else if (point < points.count && points.at[point] === at)
            this.#chargeWhenTaken(at, after, first, points.costAt(point++));
          break;
        case event.return:
          this.#leaveCounted(at, -1);
          this.#leave(at);
          break;
        case event.returnCall:
        case event.returnCallIndirect:
          this.#leave(at);
          break;
        case event.call:
          if (!prepaid.isFree(first)) this.#aroundCall(at, after);
          break;
        case event.callIndirect:
          this.#aroundCall(at, after);
          break;
        case event.store:
          if (this.#marks !== null) {
            this.#copyTo(at);
            this.#marks.beforeStore(values[i + field.second] ?? 0);
            this.#copyTo(after);
            this.#marks.afterStore(first >>> 0);
          }
          break;
        case event.memoryInit:
        case event.memoryCopy:
        case event.memoryFill:
          this.#bulk(at, after);
          break;
        case event.tableInit:
        case event.tableCopy:
        case event.tableGrow:
        case event.tableFill:
        case event.tableSet:
        case event.elemDrop:
        case event.dataDrop:
          this.#dropOrTable(kind, at);
          break;
      }
    }
    this.#copyTo(events.codeEnd);
  }

  /** Up to a place; what is charged only when a branch is taken is left for the branch. */
  #chargeUpTo(place: number, from: number): number {
    const points = this.#points;
    let point = from;
    for (; point < points.count; point++) {
      const at = points.at[point] ?? 0;
      if (at > place || points.how[point] === whenTaken) break;
      const cost = points.costAt(point);
      // It was paid for where the loop begins.
      if (cost === 0 || at === this.#running?.loop.backAt) continue;
      this.#copyTo(at);
      this.#fuel.charge(cost);
    }
    return point;
  }

  /** `br_if label` becomes `if (charge) br label+1 end`: who does not take it does not pay. */
  #chargeWhenTaken(at: number, after: number, label: number, cost: number): void {
    this.#copyTo(at);
    const code = this.#code;
    code.byte(opcode.if);
    code.byte(blockWithoutResult);
    this.#fuel.charge(cost);
    code.byte(opcode.br);
    code.u32(label + 1);
    code.byte(opcode.end);
    this.#copied = after;
  }

  /** `from` is the next charge. One whose rounds are paid for around it has none. */
  #beginCounted(loop: CountedLoop | null, from: number, depth: number): void {
    if (loop === null || !loop.isWhole || this.#running !== null) return;
    const points = this.#points;
    let cost = 0;
    for (let point = from; point < points.count; point++) {
      const at = points.at[point] ?? 0;
      if (at > loop.backAt) break;
      if (at === loop.backAt) cost = points.costAt(point);
    }
    if (cost === 0) return;
    this.#copyTo(loop.at);
    this.#fuel.beginCounted(loop, () => this.#copyBound(loop), cost);
    this.#copyTo(loop.boundStart);
    this.#fuel.compareCounted(loop);
    this.#copied = loop.headEnd;
    this.#running = { loop, depth };
  }

  /** To the block at `to`. */
  #leaveCounted(at: number, to: number): void {
    const running = this.#running;
    if (running === null || to >= running.depth) return;
    this.#copyTo(at);
    this.#fuel.leaveCounted();
  }

  #endCounted(after: number): void {
    const loop = this.#running?.loop;
    if (loop?.endAfter !== after) return;
    this.#running = null;
    this.#copyTo(loop.endAfter);
    // A trap is led to the branch back, as that of other loops is.
    const keepsOffsets = this.#options.offsets !== null;
    if (keepsOffsets) this.#pieces.push(this.#code.length, loop.backAt);
    this.#fuel.endCounted(() => this.#copyBound(loop));
    if (keepsOffsets) this.#pieces.push(this.#code.length, loop.backAt);
  }

  #copyBound({ boundStart, boundEnd }: CountedLoop): void {
    this.#code.copy(this.#options.bytes, boundStart, boundEnd);
  }

  #copyTo(at: number): void {
    if (at === this.#copied) return;
    if (this.#options.offsets !== null) this.#pieces.push(this.#code.length, this.#copied);
    this.#code.copy(this.#options.bytes, this.#copied, at);
    this.#copied = at;
  }

  #tellPlaces(codeStart: number): void {
    const pieces = this.#pieces;
    for (let i = 0; i < pieces.length; i += 2)
      this.#options.offsets?.add(codeStart + (pieces[i] ?? 0), pieces[i + 1] ?? 0);
    pieces.length = 0;
  }

  /** Before an instruction that ends the function, or may. */
  #leave(at: number): void {
    if (!this.#fuel.isLocal) return;
    this.#copyTo(at);
    this.#fuel.store();
  }

  #aroundCall(at: number, after: number): void {
    if (!this.#fuel.isLocal) return;
    this.#copyTo(at);
    this.#fuel.store();
    this.#copyTo(after);
    this.#fuel.load();
  }

  /** The length is on top of the stack. */
  #bulk(at: number, after: number): void {
    this.#copyTo(at);
    if (this.#marks === null) {
      this.#tee(temporary.i32);
      this.#fuel.chargeBytes(temporary.i32);
      return;
    }
    this.#marks.beforeBulk();
    this.#fuel.chargeBytes(temporary.i32);
    this.#copyTo(after);
    this.#marks.afterBulk();
  }

  #dropOrTable(kind: number, at: number): void {
    if (this.#marks !== null) throw new MeterFault(keptBetweenCalls(kind), at);
    if (kind === event.tableSet || kind === event.elemDrop || kind === event.dataDrop) return;
    this.#copyTo(at);
    this.#tee(temporary.i32);
    this.#fuel.chargeElements(temporary.i32);
  }

  #tee(purpose: number): void {
    this.#code.byte(opcode.localTee);
    this.#code.u32(this.#temporaries.of(purpose));
  }
}

function keptBetweenCalls(kind: number): string {
  const what =
    kind === event.dataDrop || kind === event.elemDrop ? 'drops a segment' : 'changes a table';
  return `${what}, which would outlast the request: keep data in memory; it is put back after each call`;
}
