/**
 * Smooth weighted round robin, as nginx has it: every server gains its weight, the richest is picked
 * and pays the sum. Over one cycle each gets exactly its weight, spread out: 5, 1, 1 gives a a b a c a a.
 *
 * A server that is out keeps what it has, so it neither catches up nor is behind when it returns.
 */
import type { Balancer } from './balancer.ts';

export class SmoothRoundRobin implements Balancer {
  readonly #gained: Float64Array;

  constructor(servers: number) {
    this.#gained = new Float64Array(servers);
  }

  pick(weights: Float64Array): number {
    const gained = this.#gained;
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number;
      if (weight <= 0) continue;
      total += weight;
      const now = (gained[i] as number) + weight;
      gained[i] = now;
      if (now > most) {
        most = now;
        best = i;
      }
    }
    if (best >= 0) gained[best] = most - total;
    return best;
  }
}
