/**
 * The trial of new module versions in one worker, before the others run them.
 *
 * ```
 * commit in one worker ─► canaryMs without a failure of theirs ─► the others
 *                              └ a failure, or the worker ends ─► it gets the old version back, the load is refused
 * ```
 *
 * A single failure ends it: a version that is new has nothing to lose, and the one before still serves.
 */
import { WeirError } from '#core/errors.ts';
import { ModuleFailed } from './module-failed.ts';

/** What a worker says of a module that failed: the first time a version does, and when it does so too often. */
export type ModuleFailure = {
  readonly name: string;
  readonly sha256: string;
  readonly reason: string;
  /** Of its trace, in the bytes that were compiled, innermost first; empty where it says nothing of the code. */
  readonly offsets: readonly number[];
  /** False for what a client can bring about, such as a body that is too long: it does not count. */
  readonly isItsDoing: boolean;
  /** The worker that says so has seen too many and does not run it any more. */
  readonly isQuarantine: boolean;
};

export type TrialTerms = {
  readonly ms: number;
  readonly modules: readonly { readonly name: string; readonly sha256: string }[];
};

export class ModuleTrial {
  readonly #pid: number;
  readonly #terms: TrialTerms;
  readonly #failed = Promise.withResolvers<WeirError>();

  /** `pid` is that of the worker. */
  constructor(pid: number, terms: TrialTerms) {
    this.#pid = pid;
    this.#terms = terms;
  }

  noteFailure(pid: number, failure: ModuleFailure): void {
    const { name, sha256, reason } = failure;
    const isTried = this.#terms.modules.some(
      (module) => module.name === name && module.sha256 === sha256,
    );
    if (pid === this.#pid && isTried) this.#end(`module ${name} failed`, reason, failure);
  }

  noteEnd(pid: number, reason: string): void {
    if (pid === this.#pid) this.#end(`worker ${pid} ended`, reason, null);
  }

  /** Resolves when the time is over; throws MODULE_TRIAL_FAILED as soon as something failed. */
  async passed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(() => resolve(null), this.#terms.ms);
    try {
      const failure = await Promise.race([promise, this.#failed.promise]);
      if (failure !== null) throw failure;
    } finally {
      clearTimeout(timer);
    }
  }

  #end(what: string, reason: string, failure: ModuleFailure | null): void {
    const names = this.#terms.modules.map(({ name }) => name).join(', ');
    const message = `${what} while ${names} was tried in one worker, so it did not go live: ${reason}`;
    this.#failed.resolve(
      failure === null
        ? new WeirError('MODULE_TRIAL_FAILED', message)
        : new ModuleFailed('MODULE_TRIAL_FAILED', message, failure),
    );
  }
}
