/**
 * One instance of a proxy-wasm module, with the contexts of every request that it holds. It lives as long
 * as nothing goes wrong in it; after any failure its memory is in an unknown state, and every request that
 * it holds gets the module's policy (`filter.ts` makes another one).
 *
 * ```
 * start ─► vm_start ─► configure ─┬─► request: context_create ─► callbacks … ─► done ─► log ─► delete
 *                                 └─► tick, http_call_response, queue_ready      one at a time, never nested
 * ```
 *
 * What a call decides about a request that is paused takes effect once the guest has returned, in a turn
 * of its own: a request that goes on may well bring the next call into this guest.
 */

import { GuestFailure, guestFailureOf } from '../guest-failure.ts';
import { abortImport, guestImports } from '../imports.ts';
import { fuelMax } from '../meter/meter-module.ts';
import { wasi, wasiModules } from '../wasi.ts';
import { rootContextId } from './abi.ts';
import { Background } from './background.ts';
import { bufferCalls } from './calls/buffers.ts';
import { mapCalls } from './calls/maps.ts';
import { outsideCalls } from './calls/outside.ts';
import { sharedCalls } from './calls/shared.ts';
import { streamCalls } from './calls/streams.ts';
import { valueCalls } from './calls/values.ts';
import { GuestAccess } from './guest-access.ts';
import { type CallbackName, type GuestExports, guestExports } from './guest-exports.ts';
import type { CallHost, HostCalls, ProxyWasmServices, ProxyWasmSettings } from './host.ts';
import { callsMax, type HttpCallRequest, type HttpCallResponse } from './http-call.ts';
import { queueItemsMax } from './shared-data.ts';
import type { StreamContext } from './stream-context.ts';

/** Requests that one instance holds at once. */
export const contextsMax = 16_384;
/** Being made may take so many times the fuel of a call: runtimes begin then, and configs are read. */
const startFactor = 50;
/** What is said once each; a guest can make texts without end. */
const refusalsMax = 64;

export type GuestHooks = {
  /** A failure outside of any request's phase; the guest is not to be used any more. */
  readonly onFailure: (guest: ProxyGuest, failure: GuestFailure) => void;
  /** Instructions of a call. */
  readonly onFuel: (instructions: number) => void;
};

type Callback = (...parameters: number[]) => unknown;

export class ProxyGuest implements CallHost {
  readonly settings: ProxyWasmSettings;
  readonly services: ProxyWasmServices;
  readonly access = new GuestAccess();
  effective: StreamContext | null = null;
  callResponse: HttpCallResponse | null = null;
  readonly #hooks: GuestHooks;
  readonly #exports: GuestExports;
  readonly #flush: () => void;
  readonly #contexts = new Map<number, StreamContext>();
  readonly #calls = new Map<number, AbortController>();
  readonly #settling = new Set<StreamContext>();
  readonly #refusals = new Set<string>();
  readonly #background = new Background(() => this.#aside('proxy_on_tick', rootContextId));
  #lastContext = rootContextId;
  #lastCall = 0;
  #wakesDue = 0;
  #isSettlingSoon = false;
  #isClosing = false;
  /** Started and configured. */
  #isMade = false;
  /** Set once; nothing is called any more. */
  #end: GuestFailure | 'closed' | null = null;

  private constructor(
    compiled: WebAssembly.Module,
    settings: ProxyWasmSettings,
    services: ProxyWasmServices,
    hooks: GuestHooks,
  ) {
    this.settings = settings;
    this.services = services;
    this.#hooks = hooks;
    const { imports, flush } = wasi({
      memory: () => this.access.memory(),
      print: (descriptor, line) => services.log(descriptor === 1 ? 2 : 4, line),
      spend: (bytes) => {
        this.access.count();
        this.access.spend(bytes);
      },
      wallNanoseconds: services.wallNanoseconds,
      monotonicNanoseconds: services.monotonicNanoseconds,
      environment: settings.environment,
    });
    this.#flush = flush;
    const env = hostCalls(this);
    const abort = guestImports(() => this.access.raw)[abortImport.module];
    const modules = Object.fromEntries(wasiModules.map((name) => [name, imports]));
    this.access.refill();
    try {
      const { exports } = new WebAssembly.Instance(compiled, {
        ...modules,
        [abortImport.module]: { ...env, ...abort },
      });
      this.#exports = guestExports(exports);
    } catch (error) {
      throw startFailure(error);
    }
    this.access.attach(this.#exports.memory, this.#exports.allocate);
  }

  /** Runs everything up to `proxy_on_configure`. Throws `GuestFailure`. */
  static start(
    compiled: WebAssembly.Module,
    settings: ProxyWasmSettings,
    services: ProxyWasmServices,
    hooks: GuestHooks,
  ): ProxyGuest {
    const guest = new ProxyGuest(compiled, settings, services, hooks);
    try {
      guest.#configure();
      guest.#isMade = true;
      return guest;
    } catch (error) {
      const failure = guestFailureOf(error);
      guest.end(failure);
      throw failure;
    }
  }

  /** Why it is not to be used any more. */
  get failure(): GuestFailure | null {
    return this.#end instanceof GuestFailure ? this.#end : null;
  }

  get memoryBytes(): number {
    return this.access.raw?.buffer.byteLength ?? 0;
  }

  has(name: CallbackName): boolean {
    return this.#exports.callbacks[name] !== null;
  }

  /** A number for the next request's context; null when it holds as many as it may. */
  nextContextId(): number | null {
    if (this.#contexts.size >= contextsMax) return null;
    do {
      this.#lastContext =
        this.#lastContext >= 0x7fff_ffff ? rootContextId + 1 : this.#lastContext + 1;
    } while (this.#contexts.has(this.#lastContext));
    return this.#lastContext;
  }

  /** As every call below, throws `GuestFailure`; the instance has ended then. */
  open(context: StreamContext): void {
    this.#contexts.set(context.id, context);
    this.#call('proxy_on_context_create', context, context.id, rootContextId);
  }

  phase(
    name:
      | 'proxy_on_request_headers'
      | 'proxy_on_response_headers'
      | 'proxy_on_request_body'
      | 'proxy_on_response_body',
    context: StreamContext,
    size: number,
    endOfStream: boolean,
  ): number {
    return this.#call(name, context, context.id, size, endOfStream ? 1 : 0);
  }

  trailers(
    name: 'proxy_on_request_trailers' | 'proxy_on_response_trailers',
    context: StreamContext,
    count: number,
  ): number {
    return this.#call(name, context, context.id, count);
  }

  log(context: StreamContext): void {
    this.#call('proxy_on_done', context, context.id);
    this.#call('proxy_on_log', context, context.id);
  }

  /** The request is over. */
  delete(context: StreamContext): void {
    if (!this.#contexts.has(context.id)) return;
    try {
      if (this.#end === null) this.#call('proxy_on_delete', context, context.id);
    } finally {
      this.#contexts.delete(context.id);
      this.#settling.delete(context);
      if (this.#isClosing && this.#contexts.size === 0) this.#shutDown();
    }
  }

  context(id: number): StreamContext | undefined {
    return this.#contexts.get(id);
  }

  settle(context: StreamContext): void {
    if (!context.isWaiting) return;
    this.#settling.add(context);
    this.#settleSoon();
  }

  setTick(periodMs: number): void {
    this.#background.setTick(periodMs);
  }

  startCall(url: URL, request: HttpCallRequest, timeoutMs: number): number {
    if (this.#calls.size >= callsMax || this.#isClosing) return 0;
    this.#lastCall = this.#lastCall >= 0x7fff_ffff ? 1 : this.#lastCall + 1;
    const token = this.#lastCall;
    const context = this.effective;
    const controller = new AbortController();
    this.#calls.set(token, controller);
    if (context !== null) context.calls++;
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(timeoutMs)]);
    void this.services.caller(url, request, signal).then((response) => {
      this.#calls.delete(token);
      if (context === null) {
        this.#background.add(() => this.#answerCall(token, response));
        return;
      }
      context.calls--;
      this.#answerCall(token, response);
    });
    return token;
  }

  queueReady(token: number): void {
    // Whoever enqueues and dequeues in one call has nothing waiting, and could wake itself without end.
    if (this.#wakesDue >= queueItemsMax) return;
    this.#wakesDue++;
    this.#background.add(() => {
      this.#wakesDue--;
      this.#aside('proxy_on_queue_ready', rootContextId, token);
    });
  }

  refuse(what: string): void {
    if (this.#refusals.size >= refusalsMax || this.#refusals.has(what)) return;
    this.#refusals.add(what);
    this.services.log(3, `refused: ${what}`);
  }

  /** Nothing new begins; requests that it holds run to their end. */
  close(): void {
    this.#isClosing = true;
    this.#background.end();
    if (this.#contexts.size === 0) this.#shutDown();
  }

  /** Ends it at once. Requests that wait are told by whoever calls this. */
  end(reason: GuestFailure | 'closed'): readonly StreamContext[] {
    if (this.#end !== null) return [];
    this.#end = reason;
    this.#isClosing = true;
    this.#background.end();
    for (const call of this.#calls.values()) call.abort();
    this.#settling.clear();
    return [...this.#contexts.values()];
  }

  #configure(): void {
    for (const start of this.#exports.start) this.#run(start, null);
    this.#call('proxy_on_context_create', null, rootContextId, 0);
    if (
      this.has('proxy_on_vm_start') &&
      this.#call('proxy_on_vm_start', null, rootContextId, 0) === 0
    )
      throw new GuestFailure('config', 'its proxy_on_vm_start answered false');
    const { length } = this.settings.configuration;
    if (!this.has('proxy_on_configure')) return;
    if (this.#call('proxy_on_configure', null, rootContextId, length) === 0) {
      throw new GuestFailure(
        'config',
        'its proxy_on_configure answered false: it does not take the config that it is given',
      );
    }
  }

  #answerCall(token: number, response: HttpCallResponse | null): void {
    if (this.#end !== null) return;
    this.callResponse = response;
    this.#aside(
      'proxy_on_http_call_response',
      rootContextId,
      token,
      response?.fields.length ?? 0,
      response?.body.length ?? 0,
      0,
    );
    this.callResponse = null;
  }

  /** A call that belongs to no phase of a request: its failure is reported rather than thrown. */
  #aside(name: CallbackName, ...parameters: readonly number[]): void {
    if (this.#end !== null) return;
    try {
      this.#call(name, null, ...parameters);
    } catch (error) {
      this.#hooks.onFailure(this, guestFailureOf(error));
    }
  }

  #call(
    name: CallbackName,
    context: StreamContext | null,
    ...parameters: readonly number[]
  ): number {
    const callback = this.#exports.callbacks[name];
    return callback === null ? 0 : this.#run(callback, context, ...parameters);
  }

  #run(
    callback: Callback,
    context: StreamContext | null,
    ...parameters: readonly number[]
  ): number {
    const { access } = this;
    this.effective = context;
    access.refill();
    const { fuel } = this.#exports;
    const budget = this.#isMade ? this.settings.fuel : this.settings.fuel * startFactor;
    fuel.value = Math.min(budget, fuelMax);
    let answer: unknown;
    try {
      answer = callback(...parameters);
      this.#flush();
    } catch (error) {
      this.#flush();
      const failure = guestFailureOf(error);
      throw fuel.value < 0
        ? new GuestFailure('fuel', `used up its fuel of ${budget} instructions`, failure.where)
        : failure;
    } finally {
      this.effective = null;
      this.#hooks.onFuel(Math.min(budget, fuelMax) - fuel.value);
    }
    // Thrown by a host call and caught by the guest, as languages with exceptions can.
    if (access.failure !== null) throw access.failure;
    return typeof answer === 'number' ? answer : 0;
  }

  #settleSoon(): void {
    if (this.#isSettlingSoon) return;
    this.#isSettlingSoon = true;
    setImmediate(() => {
      this.#isSettlingSoon = false;
      this.#settleNow();
    });
  }

  #settleNow(): void {
    const contexts = [...this.#settling];
    this.#settling.clear();
    for (const context of contexts) {
      if (context.answer !== null) context.wake(context.answer);
      else if (context.isContinued) context.wake(null);
    }
  }

  #shutDown(): void {
    if (this.#end !== null) return;
    try {
      this.#call('proxy_on_done', null, rootContextId);
      this.#call('proxy_on_delete', null, rootContextId);
    } catch (error) {
      // It ends either way, and no request is concerned; SDKs are known to fail here.
      this.services.log(1, `failed while it was shut down: ${guestFailureOf(error).describe()}`);
    }
    this.end('closed');
  }
}

function hostCalls(host: ProxyGuest): HostCalls {
  const calls = {
    ...mapCalls(host),
    ...bufferCalls(host),
    ...streamCalls(host),
    ...sharedCalls(host),
    ...outsideCalls(host),
    ...valueCalls(host),
  };
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [name, counted(host, name, call)]),
  );
}

function counted(host: ProxyGuest, name: string, call: HostCalls[string]): HostCalls[string] {
  const { access, services } = host;
  let counter: { value: number } | null = null;
  return (...parameters: never[]): number => {
    access.count();
    // Made with the first call: a series for each call of each module would be many.
    counter ??= services.counter(name);
    counter.value++;
    return call(...parameters);
  };
}

function startFailure(error: unknown): GuestFailure {
  // A memory that cannot be reserved is the module's wish against the machine's means.
  if (error instanceof RangeError && !error.message.includes('call stack'))
    return new GuestFailure(
      'trap',
      `the module cannot be instantiated: ${error.message}`,
      null,
      error,
    );
  return guestFailureOf(error);
}
