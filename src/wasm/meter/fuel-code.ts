/**
 * The instructions that charge fuel.
 *
 * Fuel is one mutable i32 global. A charge subtracts and traps below zero; the host tells that trap from
 * others by the sign of the global. Fuel is never negative while the guest runs on and no charge is above
 * 2^30, so it cannot wrap.
 *
 * A function whose time goes into loops without calls holds the fuel in a local while it runs: a global
 * lives in memory, and a short loop would wait for it in each round. The local goes back to the global
 * before every call and exit, and comes from it again after a call, so that nobody sees it out of date.
 *
 * A counted loop (`counted-loops.ts`) takes the fuel of all its rounds before the first one and gives back what it
 * has not run where it is left, so its rounds carry no charge at all. What else is charged in it may find the fuel
 * below zero with plenty put by: then the rounds are reckoned anew.
 */
import type { ByteWriter } from './byte-writer.ts';
import type { CountedLoop } from './counted-loops.ts';
import { opcode } from './opcodes.ts';
import { type Temporaries, temporary } from './temporaries.ts';
import { blockWithoutResult } from './value-types.ts';

/** One unit of fuel moves 8 bytes. */
const bytesAUnitShift = 3;
/** More elements than any table has; the instruction traps or fails by itself above it. */
const countMask = 0x3fff_ffff;

/** A counted loop that has been paid for, and what a round of it costs. */
type Counted = { readonly loop: CountedLoop; readonly cost: number };

export class FuelCode {
  readonly #out: ByteWriter;
  readonly #temporaries: Temporaries;
  readonly #global: number;
  #isLocal = false;
  #counted: Counted | null = null;

  constructor(out: ByteWriter, temporaries: Temporaries, fuelGlobal: number) {
    this.#out = out;
    this.#temporaries = temporaries;
    this.#global = fuelGlobal;
  }

  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** Begins a function. `isLocal`: the fuel is held in a local while it runs. */
  begin(isLocal: boolean): void {
    this.#isLocal = isLocal;
    this.#counted = null;
    if (isLocal) this.load();
  }

  /** From the global to the local. */
  load(): void {
    this.#onGlobal(opcode.globalGet);
    this.#onLocal(opcode.localSet, temporary.fuel);
  }

  /** From the local to the global. */
  store(): void {
    this.#onLocal(opcode.localGet, temporary.fuel);
    this.#onGlobal(opcode.globalSet);
  }

  charge(cost: number): void {
    this.#get();
    this.#out.byte(opcode.i32Const);
    this.#out.s32(cost);
    this.#subtract();
  }

  /** For as many bytes as the local of this purpose says, any u32. */
  chargeBytes(purpose: number): void {
    this.#get();
    this.#onLocal(opcode.localGet, purpose);
    this.#out.byte(opcode.i32Const);
    this.#out.s32(bytesAUnitShift);
    this.#out.byte(opcode.i32ShrU);
    this.#subtract();
  }

  /** For as many elements of a table, any u32. */
  chargeElements(purpose: number): void {
    this.#get();
    this.#onLocal(opcode.localGet, purpose);
    this.#out.byte(opcode.i32Const);
    this.#out.s32(countMask);
    this.#out.byte(opcode.i32And);
    this.#subtract();
  }

  /**
   * For all rounds of a counted loop, or for one more than there is fuel for: then the head ends the loop there,
   * and `endCounted` sees it. `bound` makes the loop's bound.
   *
   * ```
   * rounds = counter < bound ? min(bound - counter - 1, fuel / cost) + 1 : 0
   * bound' = counter + rounds     what the head compares with from now on, by <
   * fuel   = fuel - rounds * cost     below 0 only where bound' is below the bound
   * ```
   */
  beginCounted(loop: CountedLoop, bound: () => void, cost: number): void {
    const out = this.#out;
    const { counter, isInclusive } = loop;
    bound();
    this.#local(opcode.localGet, counter);
    out.byte(opcode.i32Sub);
    if (!isInclusive) this.#number(opcode.i32Sub, 1);
    this.#onLocal(opcode.localTee, temporary.rounds);
    this.#get();
    this.#number(opcode.i32DivU, cost);
    this.#onLocal(opcode.localTee, temporary.bound);
    this.#onLocal(opcode.localGet, temporary.rounds);
    this.#onLocal(opcode.localGet, temporary.bound);
    out.byte(opcode.i32LtU);
    out.byte(opcode.select);
    this.#number(opcode.i32Add, 1);
    out.byte(opcode.i32Const);
    out.byte(0);
    this.#test(loop, bound);
    out.byte(opcode.select);
    this.#onLocal(opcode.localTee, temporary.rounds);
    this.#local(opcode.localGet, counter);
    out.byte(opcode.i32Add);
    this.#onLocal(opcode.localSet, temporary.bound);
    this.#get();
    this.#onLocal(opcode.localGet, temporary.rounds);
    this.#number(opcode.i32Mul, cost);
    out.byte(opcode.i32Sub);
    this.#set();
    this.#counted = { loop, cost };
  }

  /** At the head, in the place of the test. */
  compareCounted({ counter, isSigned, isSwapped }: CountedLoop): void {
    // Else it stands there already.
    if (isSwapped) this.#local(opcode.localGet, counter);
    this.#onLocal(opcode.localGet, temporary.bound);
    this.#out.byte(isSigned ? opcode.i32LtS : opcode.i32LtU);
  }

  /** Before a branch or return out of it: what has not been run is given back. */
  leaveCounted(): void {
    if (this.#counted === null) return;
    this.#withRest(this.#counted);
    this.#set();
  }

  /** Behind it: where it would have gone on, the fuel is used up. */
  endCounted(bound: () => void): void {
    const out = this.#out;
    if (this.#counted === null) return;
    const { loop } = this.#counted;
    this.#counted = null;
    this.#test(loop, bound);
    // Or where the one round too many was the last.
    this.#get();
    this.#number(opcode.i32LtS, 0);
    out.byte(opcode.i32Or);
    out.byte(opcode.if);
    out.byte(blockWithoutResult);
    // There may be some where the bound is the last number there is: such a loop has no end of its own.
    this.#get();
    this.#number(opcode.i32Const, -1);
    this.#get();
    this.#number(opcode.i32LtS, 0);
    out.byte(opcode.select);
    this.#onGlobal(opcode.globalSet);
    out.byte(opcode.unreachable);
    out.byte(opcode.end);
  }

  /** Whether a counted loop goes on, by its own words. */
  #test({ counter, isSigned, isInclusive }: CountedLoop, bound: () => void): void {
    this.#local(opcode.localGet, counter);
    bound();
    if (isSigned) this.#out.byte(isInclusive ? opcode.i32LeS : opcode.i32LtS);
    else this.#out.byte(isInclusive ? opcode.i32LeU : opcode.i32LtU);
  }

  /** The fuel with that of the rounds which have not begun. */
  #withRest({ loop, cost }: Counted): void {
    this.#get();
    this.#onLocal(opcode.localGet, temporary.bound);
    this.#local(opcode.localGet, loop.counter);
    this.#out.byte(opcode.i32Sub);
    this.#number(opcode.i32Mul, cost);
    this.#out.byte(opcode.i32Add);
  }

  /** An instruction with a constant as its second operand; `i32.const` alone. */
  #number(code: number, value: number): void {
    this.#out.byte(opcode.i32Const);
    this.#out.s32(value);
    if (code !== opcode.i32Const) this.#out.byte(code);
  }

  #local(code: number, index: number): void {
    this.#out.byte(code);
    this.#out.u32(index);
  }

  #set(): void {
    if (this.#isLocal) this.#onLocal(opcode.localSet, temporary.fuel);
    else this.#onGlobal(opcode.globalSet);
  }

  #get(): void {
    if (this.#isLocal) this.#onLocal(opcode.localGet, temporary.fuel);
    else this.#onGlobal(opcode.globalGet);
  }

  /** What is on the stack is the fuel from now on, and leaves whether that is below zero. */
  #keepAndTest(): void {
    this.#onLocal(opcode.localTee, temporary.fuel);
    if (!this.#isLocal) {
      this.#onGlobal(opcode.globalSet);
      this.#onLocal(opcode.localGet, temporary.fuel);
    }
    this.#number(opcode.i32LtS, 0);
  }

  #subtract(): void {
    const out = this.#out;
    out.byte(opcode.i32Sub);
    this.#keepAndTest();
    out.byte(opcode.if);
    out.byte(blockWithoutResult);
    if (this.#counted === null) this.#trap();
    else this.#settle(this.#counted);
    out.byte(opcode.end);
  }

  #trap(): void {
    if (this.#isLocal) this.store();
    this.#out.byte(opcode.unreachable);
  }

  /**
   * In a counted loop what is put by for its other rounds is there as well: they become as many as that pays for, and
   * one more, at which the loop ends.
   */
  #settle(counted: Counted): void {
    const out = this.#out;
    this.#withRest(counted);
    this.#keepAndTest();
    out.byte(opcode.if);
    out.byte(blockWithoutResult);
    this.#trap();
    out.byte(opcode.end);
    this.#onLocal(opcode.localGet, temporary.fuel);
    this.#number(opcode.i32DivU, counted.cost);
    this.#number(opcode.i32Add, 1);
    this.#onLocal(opcode.localTee, temporary.rounds);
    this.#local(opcode.localGet, counted.loop.counter);
    out.byte(opcode.i32Add);
    this.#onLocal(opcode.localSet, temporary.bound);
    this.#onLocal(opcode.localGet, temporary.fuel);
    this.#onLocal(opcode.localGet, temporary.rounds);
    this.#number(opcode.i32Mul, counted.cost);
    out.byte(opcode.i32Sub);
    this.#set();
  }

  #onLocal(code: number, purpose: number): void {
    this.#out.byte(code);
    this.#out.u32(this.#temporaries.of(purpose));
  }

  #onGlobal(code: number): void {
    this.#out.byte(code);
    this.#out.u32(this.#global);
  }
}
