/**
 * What a worker has seen of addresses and routes since it told last. Bounded in addresses: one that finds no
 * room is counted as lost, and whoever comes often was there before it.
 */
import type { AddressTally, RouteTally } from './behaviour.ts';

export const addressesMax = 8_192;
/** Routes are as many as the configuration has; this is for none. */
const routesMax = 10_001;

type Counts = { address: string; requests: number; errors: number; violations: number };

export class Tally {
  #addresses = new Map<string, Counts>();
  #routes = new Map<string, { route: string; requests: number }>();

  get isEmpty(): boolean {
    return this.#addresses.size === 0;
  }

  get isFull(): boolean {
    return this.#addresses.size >= addressesMax;
  }

  /** False where there is no room for another address. */
  note(address: string, isError: boolean, isViolation: boolean): boolean {
    let counts = this.#addresses.get(address);
    if (counts === undefined) {
      if (this.isFull) return false;
      counts = { address, requests: 0, errors: 0, violations: 0 };
      this.#addresses.set(address, counts);
    }
    counts.requests++;
    if (isError) counts.errors++;
    if (isViolation) counts.violations++;
    return true;
  }

  noteRoute(route: string): void {
    const known = this.#routes.get(route);
    if (known !== undefined) known.requests++;
    else if (this.#routes.size < routesMax) this.#routes.set(route, { route, requests: 1 });
  }

  take(): { addresses: AddressTally[]; routes: RouteTally[] } {
    const taken = { addresses: [...this.#addresses.values()], routes: [...this.#routes.values()] };
    this.#addresses = new Map();
    this.#routes = new Map();
    return taken;
  }
}
