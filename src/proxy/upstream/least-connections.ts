/**
 * The server with the fewest requests in hand for its weight. Equals take turns: the search begins one
 * further each time, else the first server would get every request of a quiet hour.
 */
import type { Balancer } from './balancer.ts';

export class LeastConnections implements Balancer {
  #first = 0;

  pick(weights: Float64Array, inFlight: Float64Array): number {
    const { length } = weights;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let step = 0; step < length; step++) {
      const i = (this.#first + step) % length;
      const weight = weights[i] as number;
      if (weight <= 0) continue;
      // One more than it has: of two idle servers the heavier is the emptier.
      const load = ((inFlight[i] as number) + 1) / weight;
      if (load < least) {
        least = load;
        best = i;
      }
    }
    this.#first = (this.#first + 1) % Math.max(1, length);
    return best;
  }
}
