/**
 * What is remembered of streams that are over: how the last ones ended, by a ring over their numbers, so
 * that frames still on their way are told from frames that are wrong (RFC 9113 section 5.1, closed).
 */
const slots = 512;

export class ClosedStreams {
  readonly #ids = new Uint32Array(slots);
  readonly #wasReset = new Uint8Array(slots);

  add(id: number, wasReset: boolean): void {
    const slot = (id >>> 1) % slots;
    this.#ids[slot] = id;
    this.#wasReset[slot] = wasReset ? 1 : 0;
  }

  /** It was open, and not long ago. */
  has(id: number): boolean {
    return this.#ids[(id >>> 1) % slots] === id;
  }

  /** A reset is not seen at once by the other side: what it sent before is dropped in silence. */
  wasReset(id: number): boolean {
    const slot = (id >>> 1) % slots;
    return this.#ids[slot] === id && this.#wasReset[slot] === 1;
  }
}
