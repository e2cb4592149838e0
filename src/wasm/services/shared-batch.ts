/**
 * What the workers of a node tell each other of their modules' values, counts and buckets: a few
 * milliseconds of changes, or a piece of everything there is.
 *
 * Counts and debts are what was added, so the order does not matter; writes carry their time, and the
 * latest wins. A batch applied by everybody but its sender leaves all with the same.
 */
import type { SharedStore } from './shared-store.ts';
import type { TokenBuckets } from './token-buckets.ts';
import type { Write } from './value-table.ts';
import type { CountDelta } from './window-counts.ts';

export type SharedBatch = {
  /**
   * The receiver forgets everything first: a whole state begins. To a worker that has served already, as
   * it was behind, that costs what it did itself and the supervisor has not heard of: some 50 ms of it.
   */
  readonly begins: boolean;
  readonly writes: readonly (readonly [module: string, write: Write])[];
  readonly counts: readonly (readonly [module: string, delta: CountDelta])[];
  /** As counts, over the fleet. None from a process of a version that had none. */
  readonly fleet?: readonly (readonly [module: string, delta: CountDelta])[];
  /** Debts of buckets: low and high word of the hash, milliseconds. */
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
  readonly debts: Float64Array;
};

/** Changes in one batch. */
export const batchItemsMax = 4_096;
/** Bytes of the values in one batch, give or take the last. */
export const batchBytesMax = 1_048_576;

/** Where a process keeps what it shares. */
export type SharedParts = {
  readonly store: SharedStore;
  /** Of what is counted over the fleet. */
  readonly fleet: SharedStore;
  readonly buckets: TokenBuckets;
};

export function applyBatch(
  batch: SharedBatch,
  { store, fleet, buckets }: SharedParts,
  nowMs: number,
): void {
  if (batch.begins) {
    store.clear();
    fleet.clear();
    buckets.clear();
  }
  for (const [module, write] of batch.writes)
    store.of(module).table.apply({ ...write, value: ownCopy(write.value) }, nowMs);
  for (const [module, delta] of batch.counts) store.of(module).counts.addDelta(delta, nowMs);
  for (const [module, delta] of batch.fleet ?? []) fleet.of(module).counts.addDelta(delta, nowMs);
  const { lows, highs, debts } = batch;
  for (let i = 0; i < debts.length; i++)
    buckets.addDebt(lows[i] as number, highs[i] as number, debts[i] as number);
}

/** What comes by message is a view of the whole message, which one small value must not keep alive. */
function ownCopy(value: Uint8Array | null): Buffer | null {
  if (value === null) return null;
  const copy = Buffer.allocUnsafeSlow(value.length);
  copy.set(value);
  return copy;
}

/** Gathers changes until a batch is taken. Those of the same thing become one. */
export class BatchBuilder {
  readonly #writes = new Map<string, readonly [string, Write]>();
  readonly #counts: CountMap = new Map();
  readonly #fleet: CountMap = new Map();
  /** The low word of a hash → the place of its debt. Another hash with that word just gets a place more. */
  readonly #places = new Map<number, number>();
  readonly #lows = new Uint32Array(batchItemsMax);
  readonly #highs = new Uint32Array(batchItemsMax);
  readonly #debts = new Float64Array(batchItemsMax);
  #debtCount = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#items === 0;
  }

  get isFull(): boolean {
    return this.#items >= batchItemsMax || this.#bytes >= batchBytesMax;
  }

  write(module: string, write: Write): void {
    const id = `${module}\0${write.key}`;
    this.#bytes -= this.#writes.get(id)?.[1].value?.length ?? 0;
    this.#bytes += write.value?.length ?? 0;
    this.#writes.set(id, [module, write]);
  }

  count(module: string, delta: CountDelta): void {
    addTo(this.#counts, module, delta);
  }

  fleetCount(module: string, delta: CountDelta): void {
    addTo(this.#fleet, module, delta);
  }

  debt(low: number, high: number, debtMs: number): void {
    const known = this.#places.get(low);
    if (known !== undefined && this.#highs[known] === high) {
      this.#debts[known] = (this.#debts[known] as number) + debtMs;
      return;
    }
    const place = this.#debtCount++;
    this.#lows[place] = low;
    this.#highs[place] = high;
    this.#debts[place] = debtMs;
    this.#places.set(low, place);
  }

  take(begins = false): SharedBatch {
    const count = this.#debtCount;
    const batch = {
      begins,
      writes: [...this.#writes.values()],
      counts: [...this.#counts.values()],
      fleet: [...this.#fleet.values()],
      lows: this.#lows.slice(0, count),
      highs: this.#highs.slice(0, count),
      debts: this.#debts.slice(0, count),
    };
    this.#writes.clear();
    this.#counts.clear();
    this.#fleet.clear();
    this.#places.clear();
    this.#debtCount = 0;
    this.#bytes = 0;
    return batch;
  }

  get #items(): number {
    return this.#writes.size + this.#counts.size + this.#fleet.size + this.#debtCount;
  }
}

type CountMap = Map<string, readonly [string, CountDelta]>;

function addTo(map: CountMap, module: string, { key, windowMs, index, delta }: CountDelta): void {
  const id = `${module}\0${windowMs}\0${index}\0${key}`;
  const sum = (map.get(id)?.[1].delta ?? 0) + delta;
  map.set(id, [module, { key, windowMs, index, delta: sum }]);
}

/** Everything there is, in batches of the usual size; the first says that it begins. */
export function* wholeState(
  { store, fleet, buckets }: SharedParts,
  nowMs: number,
): IterableIterator<SharedBatch> {
  const builder = new BatchBuilder();
  let begins = true;
  const full = function* (): IterableIterator<SharedBatch> {
    if (!builder.isFull) return;
    yield builder.take(begins);
    begins = false;
  };
  for (const [module, { table, counts }] of store.modules) {
    for (const write of table.writes()) {
      builder.write(module, write);
      yield* full();
    }
    for (const delta of counts.deltas(nowMs)) {
      builder.count(module, delta);
      yield* full();
    }
  }
  for (const [module, { counts }] of fleet.modules)
    for (const delta of counts.deltas(nowMs)) {
      builder.fleetCount(module, delta);
      yield* full();
    }
  for (const { low, high, debtMs } of buckets.debts()) {
    builder.debt(low, high, debtMs);
    yield* full();
  }
  yield builder.take(begins);
}
