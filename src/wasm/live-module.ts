/**
 * A rule module as requests meet it: always there, whatever the guest does.
 *
 * ```
 * inspect ─► guest ─► verdict
 *              └─ failure ─► counted, reported, instance replaced ─► the module's policy
 * ```
 *
 * After a failure the memory of an instance is in an unknown state, so the next request gets a new
 * one. Where even that cannot be made, every request gets the policy, and another attempt is made
 * with each of them, as the reason may pass (memory that is short, for one).
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { RequestView } from '#waf/request-view.ts';
import { allow, type Verdict } from '#waf/verdict.ts';
import type { GuestLimits, RequestFacts } from './abi.ts';
import { Guest } from './guest.ts';
import { GuestFailure } from './guest-failure.ts';
import { findShapeFaults } from './module-shape.ts';

/** A module's bytes and what the configuration says of it. */
export type CompileSource = {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly failure: 'closed' | 'open';
};

/** Called for each failure, with one line; the receiver limits the rate. */
export type OnFailure = (message: string) => void;

/** Status a client gets from a module that failed and is configured to fail closed. */
const failedStatus = 503;

export class LiveModule {
  readonly name: string;
  readonly sha256: string;
  readonly failure: 'closed' | 'open';
  readonly #compiled: WebAssembly.Module;
  readonly #limits: GuestLimits;
  readonly #onFailure: OnFailure;
  #guest: Guest | null;
  #failures = 0;
  #lastFailure: string | null = null;

  /** Throws `GuestFailure` when the first instance cannot be made. Use `compileModule`. */
  constructor(
    source: CompileSource,
    compiled: WebAssembly.Module,
    limits: GuestLimits,
    onFailure: OnFailure,
  ) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.failure = source.failure;
    this.#compiled = compiled;
    this.#limits = limits;
    this.#onFailure = onFailure;
    this.#guest = Guest.instantiate(compiled, limits);
  }

  /** How often the module failed since it was loaded. */
  get failures(): number {
    return this.#failures;
  }

  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  /** Never throws for what a guest does. */
  inspectRequestHead(view: RequestView, facts: RequestFacts): Verdict {
    try {
      this.#guest ??= Guest.instantiate(this.#compiled, this.#limits);
      return this.#guest.inspectRequestHead(view, facts);
    } catch (error) {
      if (!(error instanceof GuestFailure)) throw error;
      this.#guest = null;
      return this.#fail(error);
    }
  }

  #fail(failure: GuestFailure): Verdict {
    const message = failure.describe();
    this.#failures++;
    this.#lastFailure = message;
    this.#onFailure(`rule module ${this.name} failed (policy ${this.failure}): ${message}`);
    if (this.failure === 'open') return allow;
    return {
      kind: 'block',
      status: failedStatus,
      rule: `${this.name}/failure`,
      reason: `module failed: ${message}`,
      target: 'module',
      matched: '',
    };
  }
}

/** Compiles and makes the first instance, so that a module that is live has run. Throws `MODULE_INVALID`. */
export function compileModule(
  source: CompileSource,
  limits: GuestLimits,
  onFailure: OnFailure,
): LiveModule {
  try {
    const compiled = new WebAssembly.Module(source.bytes);
    const faults = findShapeFaults(compiled, source.bytes);
    if (faults.length > 0) throw invalidModule(source.name, faults);
    return new LiveModule(source, compiled, limits, onFailure);
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
