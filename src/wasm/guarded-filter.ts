/**
 * A filter that is taken out of service when it keeps failing, whatever ABI its guest speaks.
 *
 * ```
 * request ─► filter ─► failure ─► window (failure-window.ts) ─► too many: off
 *    └─ off: the module's policy, and the guest is not run any more
 * ```
 *
 * What follows (an earlier version in its place, on all workers) is the supervisor's affair; until then, and
 * where there is none, the policy holds: closed answers, open lets the request pass.
 */

import type { RuleModes } from '#waf/rule-modes.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { failureStop } from './failure-stop.ts';
import { FailureWindow } from './failure-window.ts';
import { type Filter, type FilterRuleSet, type FilterRun, phase, type Resume } from './filter.ts';
import { type GuestFailureKind, traceOffsets } from './guest-failure.ts';
import type { OnFailure } from './live-module.ts';

/** `isQuarantine` with the failure that was one too many. */
export type OnGuardedFailure = (
  message: string,
  kind: GuestFailureKind,
  isQuarantine: boolean,
  /** Of its trace, in the bytes that were compiled, innermost first. */
  offsets: readonly number[],
) => void;

type Guarded = {
  readonly name: string;
  readonly sha256: string;
  readonly failure: 'closed' | 'open';
  /** Why it is off from the beginning, so that it is not even compiled; null when it is not. */
  readonly off: string | null;
};

/** `compile` gets what it has to call for each failure of the guest. */
export function guardFilter(
  source: Guarded,
  compile: (report: OnFailure) => Filter,
  onFailure: OnGuardedFailure,
): Filter {
  if (source.off !== null) return new OffFilter(source, source.off);
  const window = new FailureWindow();
  let guarded: GuardedFilter | null = null;
  const startedAt = performance.now();
  const filter = compile((message, failure) => {
    const { kind } = failure;
    // Else any client with a long body could take the module away from everybody.
    const isItsDoing = kind !== 'capacity';
    // A request that began before may still fail in it; it is off once.
    const isQuarantine =
      isItsDoing && guarded !== null && !guarded.isOff && window.note(performance.now());
    if (isQuarantine) guarded?.switchOff(message);
    onFailure(message, kind, isQuarantine, traceOffsets(failure));
  });
  guarded = new GuardedFilter(source, filter, performance.now() - startedAt);
  return guarded;
}

class GuardedFilter implements Filter {
  readonly name: string;
  readonly sha256: string;
  readonly abi: Filter['abi'];
  readonly phases: number;
  readonly ruleSet?: FilterRuleSet;
  readonly readyMs: number;
  readonly #source: Guarded;
  readonly #filter: Filter;
  #off: FilterRun | null = null;

  constructor(source: Guarded, filter: Filter, readyMs: number) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.abi = filter.abi;
    this.phases = filter.phases;
    this.readyMs = readyMs;
    if (filter.ruleSet !== undefined) this.ruleSet = filter.ruleSet;
    this.#source = source;
    this.#filter = filter;
  }

  get isOff(): boolean {
    return this.#off !== null;
  }

  get fuelUsed(): number {
    return this.#filter.fuelUsed;
  }

  get memoryBytes(): number | null {
    return this.#filter.memoryBytes;
  }

  switchOff(message: string): void {
    this.#off = new OffRun(this.#source, message);
  }

  begin(transaction: Transaction, resume: Resume, modes?: RuleModes): FilterRun {
    return this.#off ?? this.#filter.begin(transaction, resume, modes);
  }

  fail(reason: string): Stop | null {
    return this.#filter.fail(reason);
  }

  close(): void {
    this.#filter.close();
  }
}

/** One that was in quarantine already when it was loaded. */
class OffFilter implements Filter {
  readonly name: string;
  readonly sha256: string;
  readonly abi = 'weir-1';
  readonly phases = phase.requestHead;
  readonly fuelUsed = 0;
  readonly memoryBytes = null;
  readonly #run: OffRun;

  constructor(source: Guarded, reason: string) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.#run = new OffRun(source, reason);
  }

  begin(): FilterRun {
    return this.#run;
  }

  fail(): Stop | null {
    return this.#run.requestHead();
  }

  close(): void {}
}

/** The same for every request. In all phases, as the module may not have the first one. */
class OffRun implements FilterRun {
  readonly #stop: Stop | null;

  constructor({ name, failure }: Guarded, reason: string) {
    this.#stop = failureStop(name, failure, reason);
  }

  requestHead(): Stop | null {
    return this.#stop;
  }

  requestBody(): Stop | null {
    return this.#stop;
  }

  responseHead(): Stop | null {
    return this.#stop;
  }

  responseBody(): Stop | null {
    return this.#stop;
  }

  log(): void {}

  end(): void {}
}
