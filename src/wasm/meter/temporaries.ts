/**
 * Locals the rewriter adds to a function, behind its own: made when first asked for, one for each
 * purpose, so that a function that needs none gets none.
 */
import type { ByteWriter } from './byte-writer.ts';
import { valueType } from './value-types.ts';

/** Purposes, with the type each has. */
export const temporary = {
  fuel: 0,
  address: 1,
  source: 2,
  i32: 3,
  i64: 4,
  f32: 5,
  f64: 6,
  v128: 7,
  /** Of the counted loop that runs: what its counter is compared with, and its rounds. */
  bound: 8,
  rounds: 9,
} as const;

const types: readonly number[] = [
  valueType.i32,
  valueType.i32,
  valueType.i32,
  valueType.i32,
  valueType.i64,
  valueType.f32,
  valueType.f64,
  valueType.v128,
  valueType.i32,
  valueType.i32,
];

export class Temporaries {
  #first = 0;
  #made = 0;
  readonly #places = new Int32Array(types.length);
  readonly #order = new Int32Array(types.length);

  /** `first` is the index behind parameters and locals of the function. */
  reset(first: number): void {
    this.#first = first;
    this.#made = 0;
    this.#places.fill(-1);
  }

  get count(): number {
    return this.#made;
  }

  /** The index of the local. */
  of(purpose: number): number {
    const place = this.#places[purpose] ?? -1;
    if (place >= 0) return place;
    const made = this.#first + this.#made;
    this.#places[purpose] = made;
    this.#order[this.#made++] = purpose;
    return made;
  }

  forStored(type: number): number {
    switch (type) {
      case valueType.i64:
        return this.of(temporary.i64);
      case valueType.f32:
        return this.of(temporary.f32);
      case valueType.f64:
        return this.of(temporary.f64);
      case valueType.v128:
        return this.of(temporary.v128);
      default:
        return this.of(temporary.i32);
    }
  }

  /** As entries of the function's local declarations. */
  write(out: ByteWriter): void {
    for (let i = 0; i < this.#made; i++) {
      out.byte(1);
      out.byte(types[this.#order[i] ?? 0] ?? 0);
    }
  }
}
