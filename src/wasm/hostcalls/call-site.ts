/**
 * One host call of one instance: counts it, keeps it within the bounds of a phase call, and reads and
 * writes the guest's memory for it. Every number comes from code that is not ours; a range that lies
 * outside the memory ends the guest's call as a failure.
 *
 * ```
 * guest ─► enter (counted, ≤ 1,000 a phase call) ─► text, bytes (ranges checked, ≤ 1 MiB moved) ─► service
 *   ◄─ length or code ◄─ give (range checked) ◄──────────────────────────────────────────────────────┘
 * ```
 */
import type { Series } from '#telemetry/metrics.ts';
import type { Transaction } from '#waf/transaction.ts';
import { GuestFailure } from '../guest-failure.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { HostServices } from '../host-services.ts';

/** Of one phase call, `weir_configure` counting as one. */
export const hostCallsMax = 1_000;
/** Bytes that host calls read from and write to the guest in one phase call. */
export const bytesMovedMax = 1_048_576;

/** What a call that answers nothing useful returns: absent, refused, too large. */
export const none = -1;

export type HostedModule = {
  readonly name: string;
  readonly version: string;
  readonly grants: readonly string[];
  /** URL prefixes. */
  readonly fetch: readonly string[];
  readonly databases: Readonly<Record<string, string>>;
};

/** What a call is about: a request, or a packet of a flow. */
export type CallSubject = Pick<
  Transaction,
  'clientAddress' | 'isMonitored' | 'note' | 'setNote' | 'deleteNote'
>;

export type HostCallContext = {
  /** Null while the start function runs: nothing is exported yet. */
  memory(): GuestMemory | null;
  /** Null in the start function and in `weir_configure`. */
  subject(): CallSubject | null;
  /** Where the subject is a request. */
  transaction(): Transaction | null;
  isConfiguring(): boolean;
  /** Marks what the host has written, so that it is taken back after the call as if the guest had. */
  touch(at: number, bytes: number): void;
  readonly module: HostedModule;
  readonly services: HostServices;
  readonly budget: CallBudget;
};

/** What one phase call may still ask for. `reset` comes before each of them. */
export class CallBudget {
  #calls = 0;
  #bytes = 0;
  /** Counted by the calls that are dear. */
  verifications = 0;

  reset(): void {
    this.#calls = 0;
    this.#bytes = 0;
    this.verifications = 0;
  }

  call(): void {
    if (++this.#calls > hostCallsMax)
      throw new GuestFailure('limit', `more than ${hostCallsMax} host calls in one call`);
  }

  move(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > bytesMovedMax)
      throw new GuestFailure(
        'limit',
        `more than ${bytesMovedMax} bytes moved by host calls in one call`,
      );
  }
}

export class CallSite {
  readonly context: HostCallContext;
  readonly name: string;
  #count: Series | null = null;

  constructor(context: HostCallContext, name: string) {
    this.context = context;
    this.name = name;
  }

  /** First thing in every host call. */
  enter(): void {
    const { budget, module, services } = this.context;
    this.#count ??= services.metrics.hostCalls(module.name, this.name);
    this.#count.value++;
    budget.call();
  }

  get memory(): GuestMemory {
    const memory = this.context.memory();
    if (memory === null) throw this.failure('needs the memory, which a start function has not yet');
    memory.refresh();
    return memory;
  }

  /** Where the call answers only while the module is being configured. */
  needsConfiguring(): void {
    if (!this.context.isConfiguring()) throw this.failure('belongs into weir_configure');
  }

  /** latin1, so that a key is the bytes it is made of. Beyond `max` bytes it is cut. */
  text(at: number, length: number, what: string, max = length >>> 0): string {
    return this.#decode('latin1', at, length, max, what);
  }

  utf8(at: number, length: number, what: string, max = length >>> 0): string {
    return this.#decode('utf8', at, length, max, what);
  }

  /** Borrowed: good until the guest runs on. */
  view(at: number, length: number, what: string): Buffer {
    const memory = this.#range(at, length, what);
    const from = at >>> 0;
    return memory.bytes.subarray(from, from + (length >>> 0));
  }

  /** A copy outside the guest, in memory of its own: it may be kept. */
  copy(at: number, length: number, what: string): Buffer {
    const view = this.view(at, length, what);
    const copy = Buffer.allocUnsafeSlow(view.length);
    view.copy(copy);
    return copy;
  }

  /** Where an answer may go, looked at before it is known whether there is one. */
  checkRoom(into: number, max: number): void {
    this.memory.checkRange(into >>> 0, max, `the buffer of weir.${this.name}`);
  }

  /** The length; where it is more than `max`, nothing is written. */
  give(bytes: Buffer, into: number, max: number): number {
    if (!this.#fits(bytes.length, into, max)) return bytes.length;
    bytes.copy(this.memory.bytes, into >>> 0);
    this.context.touch(into >>> 0, bytes.length);
    return bytes.length;
  }

  giveText(text: string, into: number, max: number): number {
    if (!this.#fits(text.length, into, max)) return text.length;
    this.memory.bytes.write(text, into >>> 0, text.length, 'latin1');
    this.context.touch(into >>> 0, text.length);
    return text.length;
  }

  /** As many as `max` of them. */
  giveWords(values: readonly number[], into: number, max: number): void {
    const count = Math.min(values.length, max >>> 0);
    const { bytes } = this.memory;
    this.checkRoom(into, (max >>> 0) * 4);
    this.context.budget.move(count * 4);
    const at = into >>> 0;
    for (let i = 0; i < count; i++) bytes.writeUInt32LE(values[i] as number, at + i * 4);
    this.context.touch(at, count * 4);
  }

  failure(text: string): GuestFailure {
    return new GuestFailure('abi', `weir.${this.name}: ${text}`);
  }

  #fits(length: number, into: number, max: number): boolean {
    this.checkRoom(into, max >>> 0);
    if (length > max >>> 0) return false;
    this.context.budget.move(length);
    return true;
  }

  #decode(
    encoding: 'latin1' | 'utf8',
    at: number,
    length: number,
    max: number,
    what: string,
  ): string {
    const memory = this.#range(at, length, what, max);
    const from = at >>> 0;
    return memory.bytes.toString(encoding, from, from + Math.min(length >>> 0, max));
  }

  #range(at: number, length: number, what: string, max = length >>> 0): GuestMemory {
    const memory = this.memory;
    memory.checkRange(at >>> 0, length >>> 0, `${what} of weir.${this.name}`);
    this.context.budget.move(Math.min(length >>> 0, max));
    return memory;
  }
}

/** Called by the guest with what its signature says: i32 as a number, i64 as a bigint. */
export type HostFunction = (...parameters: never[]) => number | bigint | undefined;

/** A host call: what the guest imports, under which grant, and what it does. */
export type HostCall = {
  readonly name: string;
  /** As in `(i32,i32)->i64`. */
  readonly signature: string;
  /** One of them is enough; where it depends on an argument the call looks further. */
  readonly grants: readonly string[];
  readonly bind: (call: CallSite) => HostFunction;
};
