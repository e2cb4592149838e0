/**
 * A rule module of Weir's own ABI as requests meet it: always there, whatever the guest does.
 *
 * ```
 * phase ─► guest ─► stop or null
 *            └─ failure ─► counted, reported, instance replaced ─► the module's policy
 * ```
 *
 * After a failure the memory of an instance is in an unknown state, so the next request gets a new
 * one. Where even that cannot be made, every request gets the policy, and another attempt is made
 * with each of them, as the reason may pass (memory that is short, for one).
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type GuestLimits, phaseExports } from './abi.ts';
import { failureStop } from './failure-stop.ts';
import type { BodyWindow, Filter, FilterRun, LogRecord, PhaseAnswer } from './filter.ts';
import { Guest, type GuestSettings, phasesOf } from './guest.ts';
import { GuestFailure } from './guest-failure.ts';
import type { HostServices } from './host-services.ts';
import type { CallSubject } from './hostcalls/call-site.ts';
import { fuelMax, type MeterOptions, meterModule } from './meter/meter-module.ts';
import { findShapeFaults } from './module-shape.ts';
import { type PacketVerdict, packetPolicy } from './packet-verdict.ts';
import type { PacketView } from './packet-view.ts';

/** A module's bytes and what the configuration says of it. */
export type CompileSource = {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly failure: 'closed' | 'open';
  /** JSON text. */
  readonly config: string;
  /** Instructions one call may take. */
  readonly fuel: number;
  readonly memoryPagesMax: number;
  /** Host calls it may import. */
  readonly grants: readonly string[];
  /** URL prefixes. */
  readonly fetch: readonly string[];
  /** MMDB files by the names the module uses. */
  readonly databases: Readonly<Record<string, string>>;
};

/** Called for each failure, with one line; the receiver limits the rate. */
export type OnFailure = (message: string, failure: GuestFailure) => void;

export class LiveModule implements Filter {
  readonly name: string;
  readonly sha256: string;
  readonly abi = 'weir-1';
  readonly phases: number;
  readonly failure: 'closed' | 'open';
  readonly #compiled: WebAssembly.Module;
  readonly #settings: GuestSettings;
  readonly #onFailure: OnFailure;
  #guest: Guest | null;
  #failures = 0;
  #lastFailure: string | null = null;

  /** Throws `GuestFailure` when the first instance cannot be made. Use `compileModule`. */
  constructor(
    source: CompileSource,
    compiled: WebAssembly.Module,
    limits: GuestLimits,
    services: HostServices,
    onFailure: OnFailure,
  ) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.failure = source.failure;
    this.phases = phasesOf(compiled);
    this.#compiled = compiled;
    this.#settings = {
      limits,
      phases: this.phases,
      config: Buffer.from(source.config),
      fuel: source.fuel,
      module: { ...source, version: source.sha256 },
      services,
      used: { fuel: 0 },
    };
    this.#onFailure = onFailure;
    this.#guest = Guest.instantiate(compiled, this.#settings);
  }

  /** How often the module failed since it was loaded. */
  get failures(): number {
    return this.#failures;
  }

  /** Instructions of all its calls since it was loaded. */
  get fuelUsed(): number {
    return this.#settings.used.fuel;
  }

  get memoryBytes(): number {
    return this.#guest?.memoryBytes ?? 0;
  }

  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  begin(transaction: Transaction): FilterRun {
    return new LiveRun(this, transaction);
  }

  fail(reason: string): Stop | null {
    return this.onGuestFailure(new GuestFailure('timeout', reason));
  }

  close(): void {}

  /** What the module says of a packet, or its policy where it fails. */
  packet(packet: PacketView, flow: CallSubject): PacketVerdict {
    try {
      return this.guest().packet(packet, flow);
    } catch (error) {
      this.onGuestFailure(error);
      return packetPolicy(this.name, this.failure, this.#lastFailure ?? '');
    }
  }

  guest(): Guest {
    if (this.#guest === null || this.#guest.isSpent)
      this.#guest = Guest.instantiate(this.#compiled, this.#settings);
    return this.#guest;
  }

  /** The next call gets a new instance. */
  renew(): void {
    this.#guest = null;
  }

  /** Throws what is not the guest's doing. */
  onGuestFailure(error: unknown): Stop | null {
    if (!(error instanceof GuestFailure)) throw error;
    this.#guest = null;
    const message = error.describe();
    this.#failures++;
    this.#lastFailure = message;
    this.#onFailure(`rule module ${this.name} failed (policy ${this.failure}): ${message}`, error);
    return failureStop(this.name, this.failure, message);
  }
}

function trailersOf(
  of: 'request' | 'response',
  { isLast, trailers }: BodyWindow,
  changed: readonly string[] | null,
): Transaction['trailers'] {
  const fields = isLast ? (changed ?? trailers) : undefined;
  return fields === undefined ? null : { of, fields };
}

/** The guest keeps nothing between calls, so a run is no more than whose request it is. */
class LiveRun implements FilterRun {
  readonly #module: LiveModule;
  readonly #transaction: Transaction;

  constructor(module: LiveModule, transaction: Transaction) {
    this.#module = module;
    this.#transaction = transaction;
  }

  requestHead(): PhaseAnswer {
    try {
      return this.#module.guest().requestHead(this.#transaction);
    } catch (error) {
      return this.#module.onGuestFailure(error);
    }
  }

  requestBody(window: BodyWindow): PhaseAnswer {
    const transaction = this.#transaction;
    transaction.trailers = trailersOf('request', window, transaction.changedRequestTrailers);
    try {
      return this.#module.guest().requestBody(transaction, window);
    } catch (error) {
      return this.#module.onGuestFailure(error);
    } finally {
      transaction.trailers = null;
    }
  }

  responseHead(): PhaseAnswer {
    try {
      return this.#module.guest().responseHead(this.#transaction);
    } catch (error) {
      return this.#module.onGuestFailure(error);
    }
  }

  responseBody(window: BodyWindow): PhaseAnswer {
    const transaction = this.#transaction;
    transaction.trailers = trailersOf('response', window, transaction.changedResponseTrailers);
    try {
      return this.#module.guest().responseBody(transaction, window);
    } catch (error) {
      return this.#module.onGuestFailure(error);
    } finally {
      transaction.trailers = null;
    }
  }

  log(record: LogRecord): void {
    try {
      this.#module.guest().log(this.#transaction, record);
    } catch (error) {
      // Counted and reported; the answer is with the client already.
      this.#module.onGuestFailure(error);
    }
  }

  end(): void {}
}

/** The same for the same module, so that what is traced in it can be led back. */
export function meterOptionsOf(
  { fuel, memoryPagesMax }: Pick<CompileSource, 'fuel' | 'memoryPagesMax'>,
  isolates: boolean,
): MeterOptions {
  return {
    fuelAtStart: Math.min(fuel, fuelMax),
    memoryPagesMax,
    isolates,
    exportsStart: true,
    fuelledExports: isolates ? Object.keys(phaseExports) : [],
  };
}

/** Compiles and makes the first instance, so that a module that is live has run. Throws `MODULE_INVALID`. */
export function compileModule(
  source: CompileSource,
  limits: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): LiveModule {
  try {
    const { bytes, facts } = meterModule(source.bytes, meterOptionsOf(source, true));
    const faults = findShapeFaults(facts, source.grants);
    if (faults.length > 0) throw invalidModule(source.name, faults);
    const compiled = new WebAssembly.Module(bytes);
    return new LiveModule(source, compiled, limits, services, onFailure);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const fault = error instanceof GuestFailure ? error.describe() : describeError(error);
    throw invalidModule(source.name, [fault], error);
  }
}

export function invalidModule(name: string, faults: readonly string[], cause?: unknown): WeirError {
  const message = `rule module ${name} is not usable: ${faults[0] ?? 'unknown fault'}${faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''}`;
  return new WeirError(
    'MODULE_INVALID',
    message,
    cause === undefined ? { details: faults } : { cause, details: faults },
  );
}
