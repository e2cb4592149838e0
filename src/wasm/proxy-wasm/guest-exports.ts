/**
 * What an instance exports, looked up once: the callbacks by name, its allocator, its memory, and what runs
 * it before anything else.
 */
import { assert } from '#core/assert.ts';
import { GuestFailure } from '../guest-failure.ts';
import { meterExport } from '../meter/meter-module.ts';

type GuestFunction = (...parameters: number[]) => unknown;

/** Callbacks and how many parameters each has; a module exports those it wants. */
const callbackParameters = {
  proxy_on_context_create: 2,
  proxy_on_vm_start: 2,
  proxy_on_configure: 2,
  proxy_on_tick: 1,
  proxy_on_queue_ready: 2,
  proxy_on_http_call_response: 5,
  proxy_on_request_headers: 3,
  proxy_on_request_body: 3,
  proxy_on_request_trailers: 2,
  proxy_on_response_headers: 3,
  proxy_on_response_body: 3,
  proxy_on_response_trailers: 2,
  proxy_on_done: 1,
  proxy_on_log: 1,
  proxy_on_delete: 1,
} as const;

export type CallbackName = keyof typeof callbackParameters;

export type GuestExports = {
  readonly memory: WebAssembly.Memory;
  readonly allocate: (bytes: number) => unknown;
  readonly callbacks: Readonly<Record<CallbackName, GuestFunction | null>>;
  /** In the order they run. */
  readonly start: readonly GuestFunction[];
  /** What the guest may still use; below zero once it has used too much. */
  readonly fuel: { value: number };
};

/** Throws `GuestFailure` for what has other parameters than the ABI says. */
export function guestExports(exports: Readonly<Record<string, unknown>>): GuestExports {
  const memory = exports['memory'];
  assert(memory instanceof WebAssembly.Memory, 'module shape was checked before instantiation');
  const allocate =
    exported(exports, 'proxy_on_memory_allocate', 1) ?? exported(exports, 'malloc', 1);
  assert(allocate !== null, 'module shape was checked before instantiation');
  const callbacks = Object.fromEntries(
    Object.entries(callbackParameters).map(([name, parameters]) => [
      name,
      exported(exports, name, parameters),
    ]),
  ) as Record<CallbackName, GuestFunction | null>;
  const fuel = exports[meterExport.fuel];
  assert(isFuel(fuel), 'a module is metered before it is compiled');
  return { memory, allocate, callbacks, start: startFunctions(exports), fuel };
}

function isFuel(value: unknown): value is { value: number } {
  return typeof value === 'object' && value !== null && 'value' in value;
}

/**
 * The start function first, which the meter has made an export: then it runs as all the others do, with its
 * fuel to be read and the instance there for what it calls. A reactor has `_initialize`, and perhaps a
 * `main` to be run behind it; a command has `_start`.
 */
function startFunctions(exports: Readonly<Record<string, unknown>>): readonly GuestFunction[] {
  const start = exported(exports, meterExport.start, 0);
  return start === null ? entryFunctions(exports) : [start, ...entryFunctions(exports)];
}

function entryFunctions(exports: Readonly<Record<string, unknown>>): readonly GuestFunction[] {
  const initialize = exported(exports, '_initialize', 0);
  if (initialize === null) {
    const start = exported(exports, '_start', 0);
    return start === null ? [] : [start];
  }
  const main = exported(exports, 'main', 2);
  return main === null ? [initialize] : [initialize, () => main(0, 0)];
}

/** JavaScript shows how many parameters an export has, not their types: an i64 throws when it is called. */
function exported(
  exports: Readonly<Record<string, unknown>>,
  name: string,
  parameters: number,
): GuestFunction | null {
  const value = exports[name];
  if (value === undefined) return null;
  if (typeof value !== 'function' || value.length !== parameters) {
    throw new GuestFailure(
      'abi',
      `${name} takes ${typeof value === 'function' ? value.length : 'no'} parameters instead of ${parameters}`,
    );
  }
  return value as GuestFunction;
}
