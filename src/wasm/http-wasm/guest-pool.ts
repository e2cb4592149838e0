/**
 * The instances of one http-wasm module in this worker, each lent to one exchange at a time.
 *
 * ```
 * take ─► an idle one, or a new one ─► give back ─► idle, or to the exchange that waits longest
 *           └─ guestsMax are out: wait in line
 * ```
 */
import { GuestFailure } from '../guest-failure.ts';
import type { HttpGuest } from './guest.ts';

/** Instances at once: each is lent from a request's head to its response's. */
export const guestsMax = 128;
/** Kept when nothing needs them; each holds its memory. */
export const idleGuestsMax = 16;
/** Exchanges in line; waits are ended by `waitMsMax` as well. */
export const waitersMax = 1_024;

/** Gets a guest, or the reason why none could be made. */
export type Waiter = (guest: HttpGuest | GuestFailure) => void;

export class GuestPool {
  readonly #create: () => HttpGuest;
  readonly #idle: HttpGuest[] = [];
  readonly #lent = new Set<HttpGuest>();
  /** In the order they came. */
  readonly #waiters = new Set<Waiter>();

  /** `create` throws `GuestFailure`. */
  constructor(create: () => HttpGuest, first: HttpGuest) {
    this.#create = create;
    this.#idle.push(first);
  }

  /** Null where `waiter` has to wait for one. Throws `GuestFailure`. */
  take(waiter: Waiter): HttpGuest | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      this.#lent.add(idle);
      return idle;
    }
    if (this.#lent.size < guestsMax) {
      const guest = this.#create();
      this.#lent.add(guest);
      return guest;
    }
    if (this.#waiters.size >= waitersMax) {
      throw new GuestFailure(
        'capacity',
        `${guestsMax} instances are in use and ${waitersMax} requests wait for one`,
      );
    }
    this.#waiters.add(waiter);
    return null;
  }

  /** A guest may be on its way to it all the same: the waiter gives that back. */
  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  give(guest: HttpGuest): void {
    const [waiter] = this.#waiters;
    if (waiter !== undefined) {
      this.#waiters.delete(waiter);
      // Not at once: a thousand that wait and answer themselves would each stand on the one before.
      queueMicrotask(() => waiter(guest));
      return;
    }
    this.#lent.delete(guest);
    if (this.#idle.length < idleGuestsMax) this.#idle.push(guest);
  }

  /** It failed: its memory is in an unknown state, and whoever is next gets a new one. */
  discard(failed: HttpGuest): void {
    const [waiter] = this.#waiters;
    this.#lent.delete(failed);
    if (waiter === undefined) return;
    this.#waiters.delete(waiter);
    let guest: HttpGuest;
    try {
      guest = this.#create();
    } catch (error) {
      if (!(error instanceof GuestFailure)) throw error;
      queueMicrotask(() => waiter(error));
      return;
    }
    this.#lent.add(guest);
    queueMicrotask(() => waiter(guest));
  }

  /** Of all instances, lent or idle. */
  get memoryBytes(): number {
    let bytes = 0;
    for (const guest of this.#lent) bytes += guest.memoryBytes;
    for (const guest of this.#idle) bytes += guest.memoryBytes;
    return bytes;
  }

  /** For tests and metrics. */
  get counts(): { readonly lent: number; readonly idle: number; readonly waiting: number } {
    return { lent: this.#lent.size, idle: this.#idle.length, waiting: this.#waiters.size };
  }
}
