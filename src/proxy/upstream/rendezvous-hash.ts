/**
 * A client keeps its server: weighted rendezvous hashing. Each server draws a number for the client,
 * the best draw wins, so a server that goes takes only its own clients with it and gets the very same
 * ones back; names decide and not positions, so the order in the file means nothing.
 *
 * The draw is -ln(u) / weight: the least of such numbers is a server's with a chance equal to its
 * share of the weights, and a weight that changes moves only the clients it must.
 */
import type { Balancer } from './balancer.ts';

export class RendezvousHash implements Balancer {
  readonly #seeds: Uint32Array;

  constructor(names: readonly string[]) {
    this.#seeds = Uint32Array.from(names, hashText);
  }

  pick(weights: Float64Array, _inFlight: Float64Array, client: string): number {
    const key = hashText(client);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number;
      if (weight <= 0) continue;
      const u = (mix(key ^ (this.#seeds[i] as number)) + 1) / 4_294_967_297;
      const draw = -Math.log(u) / weight;
      if (draw < least) {
        least = draw;
        best = i;
      }
    }
    return best;
  }
}

/** FNV-1a over the code units, then mixed: addresses differ in their last digit only. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(input: number): number {
  let hash = input;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
