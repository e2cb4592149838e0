/**
 * A rule module that did not do its job: it trapped, aborted, ran out of stack or answered with
 * something the ABI does not allow. Never the request's fault, never the host's.
 */
export type GuestFailureKind =
  | 'trap'
  | 'abort'
  | 'stack'
  | 'fuel'
  | 'abi'
  | 'config'
  | 'denied'
  | 'limit'
  | 'unsupported'
  | 'timeout'
  /** The request needs more than is held for it, a longer body for one: no fault of the module. */
  | 'capacity';

export class GuestFailure extends Error {
  override readonly name = 'GuestFailure';
  readonly kind: GuestFailureKind;
  /** Where in the module, as far as it says: `file:line:column` or a function and an offset. */
  readonly where: string | null;

  constructor(
    kind: GuestFailureKind,
    message: string,
    where: string | null = null,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.where = where;
  }

  /** The same, told with when it happened, where its place in the code does not say so. */
  while(when: string): GuestFailure {
    const { kind, message, where, cause } = this;
    return where === null ? this : new GuestFailure(kind, `${message} ${when}`, where, cause);
  }

  /** One line for logs and answers. */
  describe(): string {
    return this.where === null
      ? `${this.kind}: ${this.message}`
      : `${this.kind}: ${this.message} at ${this.where}`;
  }
}

/**
 * What was thrown while the guest ran, as a `GuestFailure`; anything that is not the guest's doing is
 * thrown on. `call` names the export that ran, where that says more than the trace.
 */
export function guestFailureOf(error: unknown, call = 'an export'): GuestFailure {
  if (error instanceof GuestFailure) return error;
  if (error instanceof WebAssembly.RuntimeError)
    return new GuestFailure('trap', error.message, frameOf(error), error);
  // V8 reports an exhausted stack as a RangeError, on whichever side of the border it happens.
  if (error instanceof RangeError && error.message.includes('call stack')) {
    return new GuestFailure('stack', 'the call stack is exhausted', frameOf(error), error);
  }
  // The border of an export with i64 parameters refuses numbers.
  if (error instanceof TypeError && error.message.includes('BigInt')) {
    return new GuestFailure('abi', `${call} takes an i64 where the ABI says i32`, null, error);
  }
  // And no vector or reference to a function crosses it at all.
  if (error instanceof TypeError && error.message.startsWith('type incompatibility')) {
    const what = 'a call between module and host has a vector or a reference among its types';
    return new GuestFailure('abi', what, null, error);
  }
  throw error;
}

/** One call inside a module, innermost first. */
export type GuestFrame = {
  /** As the module's name section has it. */
  readonly name: string | null;
  /** In the bytes that were compiled. */
  readonly functionIndex: number;
  readonly offset: number;
};

/** Where a failure happened, as far as it was inside the module. */
export function framesOf(failure: GuestFailure): readonly GuestFrame[] {
  const { stack = '' } = failure.cause instanceof Error ? failure.cause : failure;
  return [...stack.matchAll(framePattern)].map(([, name, index, offset]) => ({
    name: name ?? null,
    functionIndex: Number(index),
    offset: Number(offset),
  }));
}

/** Frames that are told of a failure on. */
const offsetsMax = 8;
/** What is of the code; the other kinds say themselves what they are about. */
const kindsOfCode: ReadonlySet<GuestFailureKind> = new Set(['trap', 'stack', 'fuel']);

/** In the bytes that were compiled, innermost first; empty where the code is not what failed. */
export function traceOffsets(failure: GuestFailure): readonly number[] {
  if (!kindsOfCode.has(failure.kind)) return [];
  return framesOf(failure)
    .slice(0, offsetsMax)
    .map(({ offset }) => offset);
}

const framePattern =
  /(?:at ([^\n(]+) \()?wasm:\/\/[^\s:]+(?:\/[^\s:]+)?:wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g;

/** What was thrown while an instance was made, before anything of it ran. */
export function startFailureOf(error: unknown): GuestFailure {
  // A memory that cannot be reserved is the module's wish against the machine's means.
  if (error instanceof RangeError && !error.message.includes('call stack'))
    return new GuestFailure('trap', `cannot be instantiated: ${error.message}`, null, error);
  if (error instanceof WebAssembly.LinkError)
    return new GuestFailure('abi', `imports with another type: ${error.message}`, null, error);
  return guestFailureOf(error);
}

/** The innermost frame inside the module: `wasm-function[7]:0x2c1`, with its name where it has one. */
function frameOf(error: Error): string | null {
  const frame =
    /(?:at (\S+) \()?wasm:\/\/[^\s:]+(?:\/[^\s:]+)?:(wasm-function\[\d+\]:0x[0-9a-f]+)/.exec(
      error.stack ?? '',
    );
  if (frame === null) return null;
  return frame[1] === undefined ? (frame[2] ?? null) : `${frame[1]} (${frame[2]})`;
}
