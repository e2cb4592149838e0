/**
 * One instance of a rule module. It lives as long as nothing goes wrong in it; after any failure its
 * memory is in an unknown state, and whoever holds it replaces it (`live-module.ts`).
 */
import { assert } from '#core/assert.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { Verdict } from '#waf/verdict.ts';
import {
  abiVersion,
  encodeRequestHead,
  type GuestLimits,
  type RequestFacts,
  viewBytesMax,
} from './abi.ts';
import { GuestFailure, guestFailureOf } from './guest-failure.ts';
import { GuestMemory } from './guest-memory.ts';
import { guestImports } from './imports.ts';
import { addressOf, readVerdict } from './verdict-record.ts';

type GuestFunction = (...parameters: number[]) => unknown;

export class Guest {
  readonly #memory: GuestMemory;
  readonly #requestHead: GuestFunction;
  readonly #limits: GuestLimits;
  /** Where views are written. */
  readonly #at: number;

  private constructor(
    memory: GuestMemory,
    requestHead: GuestFunction,
    limits: GuestLimits,
    at: number,
  ) {
    this.#memory = memory;
    this.#requestHead = requestHead;
    this.#limits = limits;
    this.#at = at;
  }

  /** Runs the module's start function, `weir_abi` and `weir_reserve`. Throws `GuestFailure`. */
  static instantiate(compiled: WebAssembly.Module, limits: GuestLimits): Guest {
    const { exports, memory } = start(compiled);
    const views = new GuestMemory(memory);
    try {
      const version = exported(exports, 'weir_abi', 0)();
      if (version !== abiVersion) {
        throw new GuestFailure(
          'abi',
          `weir_abi() is ${String(version)}, this host speaks ${abiVersion}`,
        );
      }
      const bytes = viewBytesMax(limits);
      const at = addressOf(exported(exports, 'weir_reserve', 1)(bytes), 'weir_reserve');
      views.refresh();
      if (at === 0 || at % 4 !== 0) {
        throw new GuestFailure(
          'abi',
          `weir_reserve(${bytes}) returned ${at}, which is not an address that is a multiple of 4`,
        );
      }
      views.checkRange(at, bytes, 'the buffer of weir_reserve');
      return new Guest(views, exported(exports, 'weir_request_head', 1), limits, at);
    } catch (error) {
      throw guestFailureOf(error);
    }
  }

  /** Throws `GuestFailure`; the instance must not be used afterwards. */
  inspectRequestHead(view: RequestView, facts: RequestFacts): Verdict {
    const memory = this.#memory;
    encodeRequestHead(view, facts, this.#limits, memory, this.#at);
    let answer: unknown;
    try {
      answer = this.#requestHead(this.#at);
    } catch (error) {
      throw guestFailureOf(error);
    }
    // The guest may have grown its memory in the call; what it answers lies in the new buffer.
    memory.refresh();
    return readVerdict(memory, answer);
  }
}

function start(compiled: WebAssembly.Module): {
  exports: Readonly<Record<string, unknown>>;
  memory: WebAssembly.Memory;
} {
  let memory: WebAssembly.Memory | null = null;
  try {
    const { exports } = new WebAssembly.Instance(
      compiled,
      guestImports(() => memory),
    );
    const exportedMemory = exports['memory'];
    assert(
      exportedMemory instanceof WebAssembly.Memory,
      'module shape was checked before instantiation',
    );
    memory = exportedMemory;
    return { exports, memory };
  } catch (error) {
    // A memory that cannot be reserved is the module's wish against the machine's means.
    if (error instanceof RangeError && !error.message.includes('call stack')) {
      throw new GuestFailure(
        'trap',
        `the module cannot be instantiated: ${error.message}`,
        null,
        error,
      );
    }
    throw guestFailureOf(error);
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
