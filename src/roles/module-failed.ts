/**
 * A change that did not go live because the code of a module failed in a worker: where it was prepared, or in its trial.
 * The error carries the trace from the worker to whoever knows the module's source (`module-places.ts`).
 */
import { type ErrorCode, WeirError } from '#core/errors.ts';
import { GuestFailure, traceOffsets } from '#wasm/guest-failure.ts';

export type FailedCode = {
  readonly sha256: string;
  /** Of its trace, in the bytes that were compiled, innermost first. */
  readonly offsets: readonly number[];
};

export class ModuleFailed extends WeirError {
  readonly failed: FailedCode;

  /** `message` ends with how it failed. */
  constructor(code: ErrorCode, message: string, { sha256, offsets }: FailedCode) {
    super(code, message);
    this.failed = { sha256, offsets };
  }
}

/** What the module's own code fails with while it is made is thrown with its trace. */
export function makeModule<T>(sha256: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof WeirError) || !(error.cause instanceof GuestFailure)) throw error;
    const offsets = traceOffsets(error.cause);
    throw new ModuleFailed(error.code, error.message, { sha256, offsets });
  }
}
