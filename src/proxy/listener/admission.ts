/**
 * Whether a connection may come in at all: how many there are, how many from one address, how fast new
 * ones come. Asked before a byte is read.
 *
 * ```
 * accept ─► connections in all ─► new ones a second ─► connections of its address ─► in
 *               limit                  rate                    address-limit
 * ```
 *
 * Limits hold over all workers. The kernel spreads connections over them by a hash, so each takes an even
 * share, and of limits by address three standard deviations more: with the share alone an address well
 * within its limit would be refused by the worker that happens to get more of its connections.
 */
import { monotonicMs } from '#core/clock.ts';
import type { RefusedConnection } from '../connection-metrics.ts';
import type { Snapshot } from '../snapshot.ts';
import { AddressRate, limitKey } from './address-rate.ts';

export class Admission {
  readonly #workers: number;
  /** Open connections by limit key; as many entries as there are connections, at most. */
  readonly #open = new Map<string, number>();
  readonly #newConnections = new AddressRate(1);
  readonly #newHandshakes = new AddressRate();
  #count = 0;
  #handshakes = 0;

  constructor(workers: number) {
    this.#workers = workers;
  }

  get addressCount(): number {
    return this.#open.size;
  }

  /** For each accepted socket, by its own peer. Null counts it in; `closed` must follow. */
  accept(peer: string, snapshot: Snapshot): RefusedConnection | null {
    const { limits, unlimited } = snapshot;
    if (this.#count >= share(limits.connectionsMax, this.#workers)) return 'limit';
    const perSecond = Math.ceil(limits.connectionsPerSecondMax / this.#workers);
    if (
      unlimited.lookup(peer) === undefined &&
      !this.#newConnections.take('', perSecond, monotonicMs())
    )
      return 'rate';
    this.#count++;
    return null;
  }

  closed(): void {
    this.#count--;
  }

  /** For each client, once its address is known. A key counts it in, and is for `leave`. */
  enter(peer: string, snapshot: Snapshot): string | null {
    if (snapshot.unlimited.lookup(peer) !== undefined) return '';
    const key = limitKey(peer);
    const open = this.#open.get(key) ?? 0;
    if (open >= addressShare(snapshot.limits.addressConnectionsMax, this.#workers)) return null;
    this.#open.set(key, open + 1);
    return key;
  }

  leave(key: string): void {
    if (key === '') return;
    const open = this.#open.get(key) ?? 0;
    if (open > 1) this.#open.set(key, open - 1);
    else this.#open.delete(key);
  }

  /** Null counts the handshake in; `handshakeDone` must follow. */
  handshake(peer: string, snapshot: Snapshot): 'handshakes' | 'handshake-rate' | null {
    const { limits, unlimited } = snapshot;
    if (this.#handshakes >= share(limits.handshakesMax, this.#workers)) return 'handshakes';
    if (
      unlimited.lookup(peer) === undefined &&
      !this.#newHandshakes.take(
        limitKey(peer),
        addressShare(limits.addressHandshakesPerSecondMax, this.#workers),
        monotonicMs(),
      )
    )
      return 'handshake-rate';
    this.#handshakes++;
    return null;
  }

  handshakeDone(): void {
    this.#handshakes--;
  }
}

function share(max: number, workers: number): number {
  return Math.max(1, Math.ceil(max / workers));
}

export function addressShare(max: number, workers: number): number {
  const even = max / workers;
  const spread = workers === 1 ? 0 : 3 * Math.sqrt(even);
  return Math.min(max, Math.max(1, Math.ceil(even + spread)));
}
