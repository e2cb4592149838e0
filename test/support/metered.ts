/** Modules as the rewriter makes them, started, with what it adds to their exports. */
import { type MeterOptions, meterExport, meterModule } from '#wasm/meter/meter-module.ts';

export const plentyOfFuel = 1_000_000_000;

export type AnyFunction = (...values: (number | bigint)[]) => unknown;

export class Metered {
  readonly exports: Readonly<Record<string, unknown>>;

  constructor(
    bytes: Uint8Array,
    options: Partial<MeterOptions> = {},
    imports: Record<string, unknown> = {},
  ) {
    const metered = meterModule(bytes, {
      fuelAtStart: plentyOfFuel,
      memoryPagesMax: 16,
      isolates: false,
      ...options,
    });
    const compiled = new WebAssembly.Module(metered.bytes);
    this.exports = new WebAssembly.Instance(compiled, { host: imports }).exports;
  }

  get fuel(): number {
    return this.#fuel.value;
  }

  set fuel(value: number) {
    this.call(meterExport.refuel, value);
  }

  get memory(): Buffer {
    return Buffer.from((this.exports['memory'] as WebAssembly.Memory).buffer);
  }

  call(name: string, ...values: (number | bigint)[]): unknown {
    return (this.exports[name] as AnyFunction)(...values);
  }

  save(): void {
    this.call(meterExport.save);
  }

  reset(): number {
    return this.call(meterExport.reset) as number;
  }

  touch(at: number, length: number): void {
    this.call(meterExport.touch, at, length);
  }

  /** What a call costs. */
  costOf(name: string, ...values: (number | bigint)[]): number {
    this.fuel = plentyOfFuel;
    this.call(name, ...values);
    return plentyOfFuel - this.fuel;
  }

  get #fuel(): { value: number } {
    return this.exports[meterExport.fuel] as { value: number };
  }
}

/** The module as it came, started: what the metered one is compared with. */
export function unmetered(
  bytes: Uint8Array,
  imports: Record<string, unknown> = {},
): (name: string, ...values: (number | bigint)[]) => unknown {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: imports });
  return (name, ...values) => (exports[name] as AnyFunction)(...values);
}
