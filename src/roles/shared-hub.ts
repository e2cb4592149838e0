/**
 * The supervisor's part in what modules share over the node: it hands each worker's changes to the others
 * and keeps a copy, from which a worker that starts, or that fell behind, gets everything.
 *
 * It looks into nothing: keys and values are bytes to it, bounded as they are in the workers.
 */
import { randomInt } from 'node:crypto';
import { wallMs } from '#core/clock.ts';
import { Outbox, type Post } from '#wasm/services/outbox.ts';
import { applyBatch, type SharedBatch, wholeState } from '#wasm/services/shared-batch.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { type HashKey, TokenBuckets } from '#wasm/services/token-buckets.ts';

/** Batches that wait for a worker. A whole state is some hundreds at most. */
const batchesWaitingMax = 1_000;
const sweepMs = 1_000;
const sweepEntries = 1_000;

/** What a process that takes over begins with; values come first, then counts and buckets. */
export type SharedState = {
  /** Under which the buckets were hashed. */
  readonly hashKey: HashKey;
  readonly batches: readonly SharedBatch[];
};

/** Of a state that is handed over, a megabyte at most each. */
const batchesHandedMax = 64;

type Member = { readonly outbox: Outbox; isBehind: boolean };

export class SharedHub {
  readonly #store = new SharedStore({ writer: -1, wallMs, onEvicted: () => {}, outlet: null });
  /** Buckets come and go by their hashes here, so the key does not matter. */
  readonly #buckets = new TokenBuckets([0, 0]);
  readonly #members = new Map<number, Member>();
  readonly #timer: NodeJS.Timeout;
  readonly hashKey: HashKey;

  constructor(before: SharedState | null = null) {
    this.hashKey = before?.hashKey ?? [randomInt(2 ** 32), randomInt(2 ** 32)];
    for (const batch of before?.batches ?? [])
      applyBatch(batch, this.#store, this.#buckets, wallMs());
    this.#timer = setInterval(() => this.#store.sweep(sweepEntries), sweepMs);
    this.#timer.unref();
  }

  /** A worker has started in this slot; what it is sent comes after its start. */
  join(slot: number, post: Post): void {
    const member: Member = {
      outbox: new Outbox(post, batchesWaitingMax, () => {
        if (member.isBehind && this.#members.get(slot) === member) this.#sendAll(member);
      }),
      isBehind: false,
    };
    this.#members.set(slot, member);
    this.#sendAll(member);
  }

  leave(slot: number): void {
    this.#members.get(slot)?.outbox.clear();
    this.#members.delete(slot);
  }

  /** From the worker in this slot. */
  receive(from: number, batch: SharedBatch): void {
    applyBatch(batch, this.#store, this.#buckets, wallMs());
    for (const [slot, member] of this.#members) {
      // Who is behind gets everything later, this with it.
      if (slot === from || member.isBehind || member.outbox.put(batch)) continue;
      member.outbox.clear();
      member.isBehind = true;
    }
  }

  /** For the process that takes this one's place. What is done meanwhile it does not hear of. */
  state(): SharedState {
    const batches: SharedBatch[] = [];
    for (const batch of wholeState(this.#store, this.#buckets, wallMs())) {
      batches.push(batch);
      if (batches.length === batchesHandedMax) break;
    }
    return { hashKey: this.hashKey, batches };
  }

  retain(modules: ReadonlySet<string>): void {
    this.#store.retain(modules);
  }

  #sendAll(member: Member): void {
    member.isBehind = false;
    for (const batch of wholeState(this.#store, this.#buckets, wallMs())) {
      if (member.outbox.put(batch)) continue;
      member.outbox.clear();
      member.isBehind = true;
      return;
    }
  }
}
