/**
 * The supervisor's part in what modules share over the node: it hands each worker's changes to the others
 * and keeps a copy, from which a worker that starts, or that fell behind, gets everything.
 *
 * It looks into nothing: keys and values are bytes to it, bounded as they are in the workers. What is counted
 * over the fleet it hands to `#fleet/counter-sync.ts` as well, and what comes from there to all workers.
 */
import { randomInt } from 'node:crypto';
import { wallMs } from '#core/clock.ts';
import { type Component, FleetCounters, type Replica } from '#fleet/fleet-counters.ts';
import { Outbox, type Post } from '#wasm/services/outbox.ts';
import {
  applyBatch,
  BatchBuilder,
  type SharedBatch,
  type SharedParts,
  wholeState,
} from '#wasm/services/shared-batch.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { type HashKey, TokenBuckets } from '#wasm/services/token-buckets.ts';
import type { CountDelta } from '#wasm/services/window-counts.ts';

/** Batches that wait for a worker. A whole state is some hundreds at most. */
const batchesWaitingMax = 1_000;
const sweepMs = 1_000;
const sweepEntries = 1_000;

/** What a process that takes over begins with; values come first, then counts and buckets. */
export type SharedState = {
  /** Under which the buckets were hashed. */
  readonly hashKey: HashKey;
  readonly batches: readonly SharedBatch[];
  /** What was counted over the fleet; absent from a version that did not. */
  readonly counters?: readonly Component[];
};

export type CountedDelta = CountDelta & { readonly module: string };

/** Of a state that is handed over, a megabyte at most each. */
const batchesHandedMax = 64;
const countersHandedMax = 65_536;

type Member = { readonly outbox: Outbox; isBehind: boolean };

export class SharedHub {
  readonly #parts: SharedParts = {
    store: newStore(),
    fleet: newStore(),
    // Buckets come and go by their hashes here, so the key does not matter.
    buckets: new TokenBuckets([0, 0]),
  };
  /** Whose number is which, for what is counted over the fleet; the other nodes' come from `#fleet/`. */
  readonly counters = new FleetCounters();
  readonly replica: Replica = { node: '', epoch: randomInt(1, 2 ** 47) };
  /** What the workers here have counted over the fleet, for the other nodes. */
  onCounted: ((deltas: readonly CountedDelta[]) => void) | null = null;
  readonly #members = new Map<number, Member>();
  readonly #timer: NodeJS.Timeout;
  readonly hashKey: HashKey;

  constructor(before: SharedState | null = null) {
    this.hashKey = before?.hashKey ?? [randomInt(2 ** 32), randomInt(2 ** 32)];
    for (const batch of before?.batches ?? []) applyBatch(batch, this.#parts, wallMs());
    for (const component of before?.counters ?? []) this.#restore(component);
    this.#timer = setInterval(() => this.#parts.store.sweep(sweepEntries), sweepMs);
    this.#timer.unref();
  }

  /** Of all workers, as far as they have told. */
  get bucketsInUse(): number {
    return this.#parts.buckets.inUse;
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
    this.#spread(batch, from);
    if (batch.fleet !== undefined && batch.fleet.length > 0)
      this.onCounted?.(batch.fleet.map(([module, delta]) => ({ module, ...delta })));
  }

  /** What other nodes have counted. */
  addFleet(deltas: readonly CountedDelta[]): void {
    const builder = new BatchBuilder();
    for (const { module, ...delta } of deltas) {
      builder.fleetCount(module, delta);
      if (builder.isFull) this.#spread(builder.take(), null);
    }
    if (!builder.isEmpty) this.#spread(builder.take(), null);
  }

  /** For the process that takes this one's place. What is done meanwhile it does not hear of. */
  state(): SharedState {
    const batches: SharedBatch[] = [];
    // Sums over the fleet are made anew, from whose number is which.
    const own = { ...this.#parts, fleet: newStore() };
    for (const batch of wholeState(own, wallMs())) {
      batches.push(batch);
      if (batches.length === batchesHandedMax) break;
    }
    const counters = this.counters.all().take(countersHandedMax).toArray();
    return { hashKey: this.hashKey, batches, counters };
  }

  retain(modules: ReadonlySet<string>): void {
    this.#parts.store.retain(modules);
    this.#parts.fleet.retain(modules);
    this.counters.retain(modules);
  }

  #restore(component: Component): void {
    const { module, key, windowMs, index } = component;
    const merged = this.counters.merge(component, wallMs());
    if (!merged.ok || merged.rose === 0) return;
    const delta = { key, windowMs, index, delta: merged.rose };
    this.#parts.fleet.of(module).counts.addDelta(delta, wallMs());
  }

  #spread(batch: SharedBatch, from: number | null): void {
    applyBatch(batch, this.#parts, wallMs());
    for (const [slot, member] of this.#members) {
      // Who is behind gets everything later, this with it.
      if (slot === from || member.isBehind || member.outbox.put(batch)) continue;
      member.outbox.clear();
      member.isBehind = true;
    }
  }

  #sendAll(member: Member): void {
    member.isBehind = false;
    for (const batch of wholeState(this.#parts, wallMs())) {
      if (member.outbox.put(batch)) continue;
      member.outbox.clear();
      member.isBehind = true;
      return;
    }
  }
}

const newStore = (): SharedStore =>
  new SharedStore({ writer: -1, wallMs, onEvicted: () => {}, outlet: null });
