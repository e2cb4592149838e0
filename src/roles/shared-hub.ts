/**
 * The supervisor's part in what modules share over the node: it hands each worker's changes to the others
 * and keeps a copy, from which a worker that starts, or that fell behind, gets everything.
 *
 * It looks into nothing: keys and values are bytes to it, bounded as they are in the workers.
 */
import { wallMs } from '#core/clock.ts';
import { Outbox, type Post } from '#wasm/services/outbox.ts';
import { applyBatch, type SharedBatch, wholeState } from '#wasm/services/shared-batch.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';

/** Batches that wait for a worker. A whole state is some hundreds at most. */
const batchesWaitingMax = 1_000;
const sweepMs = 1_000;
const sweepEntries = 1_000;

type Member = { readonly outbox: Outbox; isBehind: boolean };

export class SharedHub {
  readonly #store = new SharedStore({ writer: -1, wallMs, onEvicted: () => {}, outlet: null });
  /** Buckets come and go by their hashes here, so the key does not matter. */
  readonly #buckets = new TokenBuckets([0, 0]);
  readonly #members = new Map<number, Member>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
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
