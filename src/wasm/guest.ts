/**
 * One instance of a rule module. It lives as long as nothing goes wrong in it; after any failure its
 * memory is in an unknown state, and whoever holds it replaces it (`live-module.ts`).
 *
 * ```
 * view written ─► fuel set, phase function ─► answer read ─► put back to how it was after configure
 * ```
 */
import { assert } from '#core/assert.ts';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import {
  abiVersion,
  encodeRequestHead,
  type GuestLimits,
  type PhaseExport,
  phaseExports,
  viewBytesMax,
} from './abi.ts';
import { encodeBody, encodeLog, encodeResponseHead } from './encode-views.ts';
import type { BodyWindow, LogRecord } from './filter.ts';
import { GuestFailure, guestFailureOf, startFailureOf } from './guest-failure.ts';
import { GuestMemory } from './guest-memory.ts';
import type { HostServices } from './host-services.ts';
import {
  CallBudget,
  type CallSubject,
  type HostCallContext,
  type HostedModule,
} from './hostcalls/call-site.ts';
import { hostCallImports } from './hostcalls/host-calls.ts';
import { guestImports } from './imports.ts';
import { fuelledName } from './meter/added-function.ts';
import { fuelMax, meterExport } from './meter/meter-module.ts';
import { type PacketVerdict, readPacketAnswer } from './packet-verdict.ts';
import { encodePacket, type PacketView } from './packet-view.ts';
import { addressOf, readAnswer, type TakeLimit } from './verdict-record.ts';

type GuestFunction = (...parameters: number[]) => unknown;
/** Of the fuel for the call, and where the view lies. */
type PhaseFunction = (fuel: number, at: number) => unknown;

/** What an instance is made with; the same for every instance of a module version. */
export type GuestSettings = {
  readonly limits: GuestLimits;
  /** Bits of `phase` that the module exports. */
  readonly phases: number;
  /** JSON for `weir_configure`. */
  readonly config: Uint8Array;
  /** Instructions one call may take. */
  readonly fuel: number;
  readonly module: HostedModule;
  readonly services: HostServices;
  /** Instructions all calls of all instances have taken. */
  readonly used: { fuel: number };
};

const noFunction: PhaseFunction = () => 0;

/** What the meter has added to the module. */
type Meter = {
  readonly fuel: { value: number };
  /** Sets the fuel and returns what was left, both faster than through the global. */
  readonly refuel: (fuel: number) => number;
  readonly touch: GuestFunction;
  readonly save: GuestFunction;
  readonly reset: GuestFunction;
};

/** Being made may take so many times the fuel of a call: tables are built then, and configs read. */
const configureFactor = 50;

/** Of one instance: what its host calls are about just now. */
class Calling implements HostCallContext {
  readonly module: HostedModule;
  readonly services: HostServices;
  readonly budget = new CallBudget();
  guestMemory: GuestMemory | null = null;
  meter: Meter | null = null;
  current: CallSubject | null = null;
  isMade = false;

  constructor({ module, services }: GuestSettings) {
    this.module = module;
    this.services = services;
  }

  memory(): GuestMemory | null {
    return this.guestMemory;
  }

  subject(): CallSubject | null {
    return this.current;
  }

  transaction(): Transaction | null {
    return this.current instanceof Transaction ? this.current : null;
  }

  isConfiguring(): boolean {
    return !this.isMade;
  }

  touch(at: number, bytes: number): void {
    this.meter?.touch(at, bytes);
  }
}

export class Guest {
  readonly #calling: Calling;
  readonly #takeLimit: TakeLimit;
  readonly #memory: GuestMemory;
  readonly #meter: Meter;
  readonly #settings: GuestSettings;
  readonly #functions: Readonly<Record<PhaseExport, PhaseFunction>>;
  /** Where views are written. */
  readonly #at: number;
  #isSpent = false;

  private constructor(
    calling: Calling,
    memory: GuestMemory,
    meter: Meter,
    settings: GuestSettings,
    functions: Readonly<Record<PhaseExport, PhaseFunction>>,
    at: number,
  ) {
    this.#calling = calling;
    const { limiter, fleetLimiter } = settings.services;
    const { name, grants } = settings.module;
    this.#takeLimit = (key, cost, capacity, periodSeconds, isFleet) => {
      if (isFleet && !grants.includes('kv:fleet'))
        throw new GuestFailure('denied', 'a limit over the fleet: add kv:fleet to the grants');
      const taking = isFleet ? fleetLimiter : limiter;
      return taking.take(name, key, cost, capacity, periodSeconds);
    };
    this.#memory = memory;
    this.#meter = meter;
    this.#settings = settings;
    this.#functions = functions;
    this.#at = at;
  }

  /** Runs the start function, `weir_abi`, `weir_reserve` and `weir_configure`. Throws `GuestFailure`. */
  static instantiate(compiled: WebAssembly.Module, settings: GuestSettings): Guest {
    const calling = new Calling(settings);
    const { exports, memory } = start(compiled, calling);
    const views = new GuestMemory(memory);
    calling.guestMemory = views;
    const meter = meterOf(exports);
    calling.meter = meter;
    const budget = Math.min(settings.fuel * configureFactor, fuelMax);
    meter.refuel(budget);
    let stage = 'its start function';
    try {
      // A module without one has none; one that is not metered has run it already.
      if (exports[meterExport.start] !== undefined) exported(exports, meterExport.start, 0)();
      stage = 'weir_abi';
      const version = exported(exports, stage, 0)();
      if (version !== abiVersion) {
        throw new GuestFailure(
          'abi',
          `weir_abi() is ${String(version)}, this host speaks ${abiVersion}: build it with the SDK of this Weir`,
        );
      }
      const { limits, phases, config } = settings;
      const bytes = Math.max(viewBytesMax(limits, phases), config.length);
      stage = 'weir_reserve';
      const at = addressOf(exported(exports, stage, 1)(bytes), stage);
      views.refresh();
      if (at === 0 || at % 4 !== 0) {
        throw new GuestFailure(
          'abi',
          `weir_reserve(${bytes}) returned ${at}, which is not an address that is a multiple of 4: reserve memory above 0, aligned to 4`,
        );
      }
      views.checkRange(at, bytes, 'the buffer of weir_reserve');
      stage = 'weir_configure';
      configure(exports, views, at, config);
      const functions = phaseFunctions(exports);
      meter.save();
      calling.isMade = true;
      return new Guest(calling, views, meter, settings, functions, at);
    } catch (error) {
      throw meter.fuel.value < 0
        ? outOfFuel(error, `in ${stage}: it may hold a loop without an end`, budget)
        : guestFailureOf(error, stage).while(`in ${stage}`);
    }
  }

  /** Its memory has grown in a call, which cannot be taken back: the next request needs a new one. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  get memoryBytes(): number {
    return this.#memory.bytes.length;
  }

  /** As all phases, throws `GuestFailure`; the instance must not be used afterwards. */
  requestHead(transaction: Transaction): Stop | null {
    const { request, facts } = transaction;
    const { limits } = this.#settings;
    const size = encodeRequestHead(request, facts, limits, this.#memory, this.#at);
    return this.#call('weir_request_head', size, transaction);
  }

  requestBody(transaction: Transaction, window: BodyWindow): Stop | null {
    const { limits } = this.#settings;
    const size = encodeBody(transaction, window, false, limits, this.#memory, this.#at);
    return this.#call('weir_request_body', size, transaction);
  }

  responseHead(transaction: Transaction): Stop | null {
    const { limits } = this.#settings;
    const size = encodeResponseHead(transaction, limits, this.#memory, this.#at);
    return this.#call('weir_response_head', size, transaction);
  }

  responseBody(transaction: Transaction, window: BodyWindow): Stop | null {
    const { limits } = this.#settings;
    const size = encodeBody(transaction, window, true, limits, this.#memory, this.#at);
    return this.#call('weir_response_body', size, transaction);
  }

  log(transaction: Transaction, record: LogRecord): void {
    const { limits } = this.#settings;
    const size = encodeLog(transaction, record, limits, this.#memory, this.#at);
    const stop = this.#call('weir_log', size, transaction);
    if (stop !== null) throw new GuestFailure('abi', 'weir_log must answer 0: it is too late');
  }

  packet(packet: PacketView, flow: CallSubject): PacketVerdict {
    const size = encodePacket(packet, this.#memory, this.#at);
    const answer = this.#enter('weir_packet', flow);
    const verdict = readPacketAnswer(this.#memory, answer);
    this.#leave(size);
    return verdict;
  }

  #call(name: PhaseExport, viewBytes: number, transaction: Transaction): Stop | null {
    const answer = this.#enter(name, transaction);
    const stop = readAnswer(this.#memory, answer, name, transaction, this.#takeLimit);
    this.#leave(viewBytes);
    return stop;
  }

  /** Calls the guest and returns what it answered, which lies in its memory. */
  #enter(name: PhaseExport, subject: CallSubject): unknown {
    const { fuel, refuel } = this.#meter;
    const calling = this.#calling;
    calling.current = subject;
    calling.budget.reset();
    let answer: unknown;
    try {
      answer = this.#functions[name](this.#settings.fuel, this.#at);
    } catch (error) {
      throw fuel.value < 0
        ? outOfFuel(error, `in ${name}`, this.#settings.fuel)
        : guestFailureOf(error, name);
    } finally {
      this.#settings.used.fuel += this.#settings.fuel - refuel(0);
    }
    // The guest may have grown its memory in the call; what it answers lies in the new buffer.
    this.#memory.refresh();
    calling.current = null;
    return answer;
  }

  /** What one request has left behind is no other one's to see: the view, and whatever was stored. */
  #leave(viewBytes: number): void {
    this.#meter.touch(this.#at, viewBytes);
    this.#isSpent = this.#meter.reset() !== 0;
  }
}

function meterOf(exports: Readonly<Record<string, unknown>>): Meter {
  const fuel = exports[meterExport.fuel];
  assert(fuel instanceof WebAssembly.Global, 'the meter has been over the module');
  return {
    fuel,
    refuel: exports[meterExport.refuel] as (fuel: number) => number,
    touch: exports[meterExport.touch] as GuestFunction,
    save: exports[meterExport.save] as GuestFunction,
    reset: exports[meterExport.reset] as GuestFunction,
  };
}

function outOfFuel(cause: unknown, where: string, fuel: number): GuestFailure {
  const what = `used up its fuel of ${fuel} instructions ${where}`;
  return new GuestFailure('fuel', what, null, cause);
}

function configure(
  exports: Readonly<Record<string, unknown>>,
  memory: GuestMemory,
  at: number,
  config: Uint8Array,
): void {
  if (exports['weir_configure'] === undefined) {
    if (config.length > 2)
      throw new GuestFailure('config', 'takes no config: it exports no weir_configure');
    return;
  }
  memory.bytes.set(config, at);
  const answer = exported(exports, 'weir_configure', 2)(at, config.length);
  memory.refresh();
  if (answer === 0) return;
  const why =
    answer === -1
      ? 'cannot be read as it stands (-1): its README says what it takes'
      : answer === -2
        ? 'holds what the module does not take (-2): its README says what it takes'
        : `was answered with ${String(answer)} instead of 0, -1 or -2`;
  throw new GuestFailure('config', `its config ${why}`);
}

function phaseFunctions(
  exports: Readonly<Record<string, unknown>>,
): Readonly<Record<PhaseExport, PhaseFunction>> {
  const of = (name: PhaseExport): PhaseFunction => {
    if (exports[name] === undefined) return noFunction;
    exported(exports, name, 1);
    return exported(exports, fuelledName(name), 2);
  };
  return {
    weir_request_head: of('weir_request_head'),
    weir_request_body: of('weir_request_body'),
    weir_response_head: of('weir_response_head'),
    weir_response_body: of('weir_response_body'),
    weir_log: of('weir_log'),
    weir_packet: of('weir_packet'),
  };
}

/** Bits of `phase` that a module exports. */
export function phasesOf(compiled: WebAssembly.Module): number {
  let phases = 0;
  for (const { name } of WebAssembly.Module.exports(compiled))
    phases |= Object.hasOwn(phaseExports, name) ? phaseExports[name as PhaseExport] : 0;
  return phases;
}

function start(
  compiled: WebAssembly.Module,
  calling: Calling,
): {
  exports: Readonly<Record<string, unknown>>;
  memory: WebAssembly.Memory;
} {
  let memory: WebAssembly.Memory | null = null;
  try {
    const { exports } = new WebAssembly.Instance(compiled, {
      ...guestImports(() => memory),
      ...hostCallImports(calling),
    });
    const exportedMemory = exports['memory'];
    assert(
      exportedMemory instanceof WebAssembly.Memory,
      'module shape was checked before instantiation',
    );
    memory = exportedMemory;
    return { exports, memory };
  } catch (error) {
    throw startFailureOf(error);
  }
}

/**
 * JavaScript shows how many parameters an export has, not their types: a number becomes whatever is
 * asked for, or throws a TypeError for an i64, and what comes back is checked.
 */
function exported(
  exports: Readonly<Record<string, unknown>>,
  name: string,
  parameters: number,
): GuestFunction {
  const value = exports[name];
  if (typeof value !== 'function' || value.length !== parameters) {
    throw new GuestFailure(
      'abi',
      `${name} takes ${typeof value === 'function' ? value.length : 'no'} parameters instead of ${parameters}`,
    );
  }
  return value as GuestFunction;
}
