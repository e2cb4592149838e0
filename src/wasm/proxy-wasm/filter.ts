/**
 * A proxy-wasm module as requests meet it: one instance that holds a context for each request, replaced
 * when anything goes wrong in it. Its failures become the module's policy, for every request it held.
 */
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { failureStop } from '../failure-stop.ts';
import type { Filter, FilterRun, Resume } from '../filter.ts';
import { GuestFailure } from '../guest-failure.ts';
import type { OnFailure } from '../live-module.ts';
import { ProxyGuest } from './guest.ts';
import type { ProxyWasmServices, ProxyWasmSettings } from './host.ts';
import { ProxyWasmRun } from './run.ts';

export type ProxyWasmFilterOptions = {
  readonly compiled: WebAssembly.Module;
  readonly sha256: string;
  readonly failure: 'closed' | 'open';
  /** Bits of `phase`. */
  readonly phases: number;
  readonly readsFieldsInLog: boolean;
  /** Of a request, as modules have room for it. */
  readonly headBytesMax: number;
  readonly settings: ProxyWasmSettings;
  readonly services: ProxyWasmServices;
  readonly onFailure: OnFailure;
};

export class ProxyWasmFilter implements Filter {
  readonly abi = 'proxy-wasm';
  readonly name: string;
  readonly sha256: string;
  readonly phases: number;
  readonly failure: 'closed' | 'open';
  /** Then a response's are kept from its head on, which is gone when the log is written. */
  readonly readsFieldsInLog: boolean;
  readonly #options: ProxyWasmFilterOptions;
  #guest: ProxyGuest | null;
  fuelUsed = 0;
  #failures = 0;
  #lastFailure: string | null = null;
  #isClosed = false;

  /** Throws `GuestFailure` when the first instance cannot be made. */
  constructor(options: ProxyWasmFilterOptions) {
    this.name = options.settings.name;
    this.sha256 = options.sha256;
    this.phases = options.phases;
    this.failure = options.failure;
    this.readsFieldsInLog = options.readsFieldsInLog;
    this.#options = options;
    this.#guest = this.#start();
  }

  get failures(): number {
    return this.#failures;
  }

  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  get memoryBytes(): number {
    return this.#guest?.memoryBytes ?? 0;
  }

  get headBytesMax(): number {
    return this.#options.headBytesMax;
  }

  get services(): ProxyWasmServices {
    return this.#options.services;
  }

  begin(transaction: Transaction, resume: Resume): FilterRun {
    return new ProxyWasmRun(this, transaction, resume);
  }

  /** The guest has done nothing wrong that its memory would know of, so it stays. */
  fail(reason: string): Stop | null {
    return this.#count(new GuestFailure('timeout', reason));
  }

  close(): void {
    this.#isClosed = true;
    this.#guest?.close();
  }

  /** Throws `GuestFailure` where there is none and none can be made. */
  guest(): ProxyGuest {
    this.#guest ??= this.#start();
    // A request that began before another version went live runs to its end, and no further.
    if (this.#isClosed) this.#guest.close();
    return this.#guest;
  }

  /** Ends the instance, and what it held gets the policy. Throws what is not the guest's doing. */
  onGuestFailure(guest: ProxyGuest | null, error: unknown): Stop | null {
    if (!(error instanceof GuestFailure)) throw error;
    const stop = this.#count(error);
    if (guest === null) return stop;
    if (this.#guest === guest) this.#guest = null;
    for (const context of guest.end(error)) context.wake(this.policy(error));
    return stop;
  }

  /** What a request gets whose instance failed, whoever's request it failed in. */
  policy(failure: GuestFailure): Stop | null {
    return failureStop(this.name, this.failure, failure.describe());
  }

  #start(): ProxyGuest {
    const { compiled, settings, services } = this.#options;
    return ProxyGuest.start(compiled, settings, services, {
      onFailure: (guest, failure) => this.onGuestFailure(guest, failure),
      onFuel: (instructions) => {
        this.fuelUsed += instructions;
      },
    });
  }

  #count(failure: GuestFailure): Stop | null {
    const message = failure.describe();
    this.#failures++;
    this.#lastFailure = message;
    this.#options.onFailure(
      `rule module ${this.name} failed (policy ${this.failure}): ${message}`,
      failure,
    );
    return failureStop(this.name, this.failure, message);
  }
}
