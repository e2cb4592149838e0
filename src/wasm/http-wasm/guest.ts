/**
 * One instance of an http-wasm guest. It keeps what it likes between requests, so one exchange has it to
 * itself from `handle_request` to the end of `handle_response`; after any failure it is thrown away.
 */
import { assert } from '#core/assert.ts';
import { GuestFailure, guestFailureOf, startFailureOf } from '../guest-failure.ts';
import { GuestMemory } from '../guest-memory.ts';
import { guestImports } from '../imports.ts';
import { fuelMax, meterExport } from '../meter/meter-module.ts';
import { wasi, wasiModules } from '../wasi.ts';
import { handleRequest, handleResponse, hostModule } from './abi.ts';
import { CallBudget } from './call-budget.ts';
import { type HostState, hostFunctions } from './host-functions.ts';
import type { HttpExchange } from './http-exchange.ts';

/** 1 error, 2 warn, 3 info, 4 debug. */
export type OnLog = (level: 1 | 2 | 3 | 4, text: string) => void;

export type HttpGuestOptions = {
  readonly compiled: WebAssembly.Module;
  readonly config: Buffer;
  /** Instructions a call may take, where the module is metered. */
  readonly fuel: number;
  readonly log: OnLog;
  /** Of all instances of the module. */
  readonly used: { fuel: number };
};

/** What `handle_request` answered. */
export type ContextAndNext = { readonly context: number; readonly next: boolean };

type GuestFunction = (...parameters: number[]) => unknown;
type HostCall = (...parameters: unknown[]) => unknown;

export class HttpGuest {
  readonly #state: State;
  readonly #fuel: Fuel;
  readonly #used: { fuel: number };
  readonly #handleRequest: GuestFunction;
  readonly #handleResponse: GuestFunction;

  /** Runs the module's start functions. Throws `GuestFailure`. */
  constructor(options: HttpGuestOptions) {
    this.#state = new State(options);
    const exports = this.#state.instantiate(options.compiled);
    this.#used = options.used;
    this.#fuel = new Fuel(exports[meterExport.fuel], options.fuel);
    this.#handleRequest = exports[handleRequest] as GuestFunction;
    this.#handleResponse = exports[handleResponse] as GuestFunction;
    // What the module itself says comes first; then, as a reactor has `_initialize` and a command `_start`,
    // what TinyGo and Rust set themselves up in.
    for (const start of [exports[meterExport.start], exports['_initialize'] ?? exports['_start']]) {
      if (typeof start === 'function')
        this.#call(null, () => (start as GuestFunction)(), startFactor);
    }
  }

  /** Bits of `feature` that were enabled at start. */
  get features(): number {
    return this.#state.features;
  }

  /** It has said at start what it needs. */
  get hasEnabledFeatures(): boolean {
    return this.#state.hasEnabledFeatures;
  }

  /** As far as it has grown. */
  get memoryBytes(): number {
    return this.#state.memoryBytes;
  }

  /** Throws `GuestFailure`; the instance must not be used afterwards. */
  handleRequest(exchange: HttpExchange): ContextAndNext {
    exchange.begin('request');
    const answer = this.#call(exchange, () => this.#handleRequest());
    if (typeof answer !== 'bigint') {
      throw new GuestFailure(
        'abi',
        `${handleRequest} returned ${String(answer)} where an i64 is expected`,
      );
    }
    const next = Number(BigInt.asUintN(32, answer));
    if (next > 1)
      throw new GuestFailure('abi', `${handleRequest} says next = ${next}: 0 and 1 are known`);
    return { context: Number(BigInt.asIntN(32, answer >> 32n)), next: next === 1 };
  }

  /** Throws `GuestFailure`; the instance must not be used afterwards. */
  handleResponse(exchange: HttpExchange, context: number, isError: boolean): void {
    exchange.begin('response');
    this.#call(exchange, () => this.#handleResponse(context, isError ? 1 : 0));
  }

  #call(exchange: HttpExchange | null, run: () => unknown, factor = 1): unknown {
    this.#state.begin(exchange);
    this.#fuel.fill(factor);
    try {
      const answer = run();
      if (this.#state.failure !== null) throw this.#state.failure;
      return answer;
    } catch (error) {
      throw this.#fuel.failure(error) ?? guestFailureOf(error);
    } finally {
      this.#used.fuel += this.#fuel.used;
      this.#state.end();
    }
  }
}

/** Setting itself up may take so many times the fuel of a call: heaps are laid out then, configs read. */
const startFactor = 50;

/** The counter that the meter has put into the module. */
class Fuel {
  readonly #counter: WebAssembly.Global;
  readonly #budget: number;
  #filled = 0;

  constructor(counter: unknown, budget: number) {
    assert(counter instanceof WebAssembly.Global, 'the meter has been over the module');
    this.#counter = counter;
    this.#budget = budget;
  }

  fill(factor: number): void {
    this.#filled = Math.min(this.#budget * factor, fuelMax);
    this.#counter.value = this.#filled;
  }

  /** Since it was filled. */
  get used(): number {
    return this.#filled - this.#counter.value;
  }

  failure(error: unknown): GuestFailure | null {
    if (this.#counter.value >= 0 || error instanceof GuestFailure) return null;
    return new GuestFailure(
      'fuel',
      `used up its fuel of ${this.#budget} instructions`,
      null,
      error,
    );
  }
}

class State implements HostState {
  features = 0;
  hasEnabledFeatures = false;
  failure: GuestFailure | null = null;
  readonly config: Buffer;
  readonly #log: OnLog;
  readonly #budget = new CallBudget();
  readonly #wasi: ReturnType<typeof wasi>;
  #raw: WebAssembly.Memory | null = null;
  #memory: GuestMemory | null = null;
  #exchange: HttpExchange | null = null;

  constructor(options: HttpGuestOptions) {
    this.config = options.config;
    this.#log = options.log;
    this.#wasi = wasi({
      memory: () => this.#memory,
      print: (descriptor, line) => options.log(descriptor === 1 ? 3 : 2, line),
      spend: (bytes) => this.spend(bytes),
      wallNanoseconds: () => BigInt(Date.now()) * 1_000_000n,
      monotonicNanoseconds: () => process.hrtime.bigint(),
      environment: [],
    });
  }

  instantiate(compiled: WebAssembly.Module): Readonly<Record<string, unknown>> {
    const wasiFunctions = this.#guarded(this.#wasi.imports as Record<string, HostCall>);
    const imports: Record<string, Record<string, unknown>> = {
      ...guestImports(() => this.#raw),
      [hostModule]: this.#guarded(hostFunctions(this) as Record<string, HostCall>),
    };
    for (const name of wasiModules) imports[name] = wasiFunctions;
    try {
      const { exports } = new WebAssembly.Instance(compiled, imports);
      this.#raw = exports['memory'] as WebAssembly.Memory;
      this.#memory = new GuestMemory(this.#raw);
      return exports;
    } catch (error) {
      throw startFailureOf(error);
    }
  }

  /** A guest with exception handling could go on after a refusal as if nothing had been. */
  #guarded(calls: Readonly<Record<string, HostCall>>): Record<string, HostCall> {
    const guarded = (call: HostCall): HostCall => {
      return (...parameters) => {
        try {
          return call(...parameters);
        } catch (error) {
          if (error instanceof GuestFailure) this.failure = error;
          throw error;
        }
      };
    };
    return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guarded(call)]));
  }

  begin(exchange: HttpExchange | null): void {
    this.#exchange = exchange;
    this.#budget.begin();
    this.failure = null;
  }

  end(): void {
    this.#wasi.flush();
    this.#exchange = null;
  }

  spend(bytes: number): void {
    this.#budget.spend(bytes);
  }

  memory(): GuestMemory {
    if (this.#memory === null) {
      throw new GuestFailure(
        'abi',
        'a host call needs the memory, which is not there yet in the start function: export it as _start instead',
      );
    }
    this.#memory.refresh();
    return this.#memory;
  }

  get memoryBytes(): number {
    return this.#raw?.buffer.byteLength ?? 0;
  }

  exchange(call: string): HttpExchange {
    if (this.#exchange === null)
      throw new GuestFailure('abi', `${call} needs a request, there is none at start`);
    return this.#exchange;
  }

  current(): HttpExchange | null {
    return this.#exchange;
  }

  enableAtStart(features: number): number {
    this.hasEnabledFeatures = true;
    this.features |= features;
    return this.features;
  }

  log(level: number, text: string): void {
    // Ours count down from debug, the ABI's count up from it.
    this.#log(Math.min(Math.max(3 - level, 1), 4) as Parameters<OnLog>[0], text);
  }
}
