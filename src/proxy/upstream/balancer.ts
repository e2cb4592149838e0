/**
 * Which server gets a request. A balancer sees numbers only: what each server may take now (0 for one
 * that is out), and what it has in hand.
 */
export interface Balancer {
  /**
   * The index of a server with a weight above 0, or -1 when there is none.
   * `client` is the address of who asks.
   */
  pick(weights: Float64Array, inFlight: Float64Array, client: string): number;
}
