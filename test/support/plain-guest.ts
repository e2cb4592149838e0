/**
 * A rule module driven by hand, without the host around it: the same calls for the bytes as they came and
 * for what the meter has made of them, so that the two can be compared down to the last byte of memory.
 */
import type { RequestView } from '#waf/request-view.ts';
import { encodeRequestHead, viewBytesMax } from '#wasm/abi.ts';
import { phase } from '#wasm/filter.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import { fuelledName } from '#wasm/meter/added-function.ts';
import { meterExport } from '#wasm/meter/meter-module.ts';
import { testLimits } from './guests.ts';

const facts = { clientAddress: '203.0.113.7', tls: true };

/** Host calls that answer with an i64. */
const answersLong = new Set(['now_wall', 'now_monotonic', 'count']);

export class AbortError extends Error {}

type GuestFunction = (...parameters: number[]) => unknown;

export class PlainGuest {
  readonly memory: GuestMemory;
  readonly hasRequestHead: boolean;
  readonly touch: GuestFunction | null;
  readonly reset: GuestFunction | null;
  readonly #requestHead: GuestFunction;
  readonly #fuel: WebAssembly.Global | null;
  readonly #fuelled: GuestFunction | null;
  readonly #refuel: GuestFunction | null;
  readonly #at: number;

  /** Every host call answers 0, and what gives up throws `AbortError`. */
  constructor(compiled: WebAssembly.Module, config = '{}') {
    const imports: Record<string, Record<string, unknown>> = {};
    for (const { module, name } of WebAssembly.Module.imports(compiled)) {
      imports[module] ??= {};
      imports[module][name] = () => {
        if (name === 'abort') throw new AbortError('the guest gave up');
        return answersLong.has(name) ? 0n : 0;
      };
    }
    const { exports } = new WebAssembly.Instance(compiled, imports);
    const functionNamed = (name: string): GuestFunction | null =>
      (exports[name] as GuestFunction | undefined) ?? null;
    this.#fuel = (exports[meterExport.fuel] as WebAssembly.Global | undefined) ?? null;
    const requestHead = functionNamed('weir_request_head');
    this.hasRequestHead = requestHead !== null;
    this.#requestHead = requestHead ?? (() => 0);
    this.#refuel = functionNamed(meterExport.refuel);
    this.#fuelled = functionNamed(fuelledName('weir_request_head'));
    this.memory = new GuestMemory(exports['memory'] as WebAssembly.Memory);
    this.#at = Number(functionNamed('weir_reserve')?.(viewBytesMax(testLimits, phase.requestHead)));
    this.memory.refresh();
    const configure = functionNamed('weir_configure');
    if (configure !== null) {
      const length = this.memory.bytes.write(config, this.#at, 'latin1');
      configure(this.#at, length);
      this.memory.refresh();
    }
    this.touch = functionNamed(meterExport.touch);
    this.reset = functionNamed(meterExport.reset);
    functionNamed(meterExport.save)?.();
  }

  /** Returns what the guest answers. */
  inspect(view: RequestView, fuel = 1_000_000_000): unknown {
    const bytes = encodeRequestHead(view, facts, testLimits, this.memory, this.#at);
    this.touch?.(this.#at, bytes);
    const answer = this.#fuelled?.(fuel, this.#at) ?? this.#alone(fuel);
    this.memory.refresh();
    return answer;
  }

  #alone(fuel: number): unknown {
    this.#refuel?.(fuel);
    return this.#requestHead(this.#at);
  }

  /** Of the last call, in units of fuel. */
  spent(fuel = 1_000_000_000): number {
    return fuel - (this.#fuel?.value ?? 0);
  }
}
