/**
 * Numbers for the names of TX variables that rules write down; names that only a request makes
 * (`tx.count_%{MATCHED_VAR_NAME}`) go to a table in the guest. The first ten are captures.
 */
import { captureSlots } from './image-layout.ts';

export class TxSlots {
  readonly #slots = new Map<string, number>();

  constructor() {
    for (let i = 0; i < captureSlots; i++) this.#slots.set(String(i), i);
  }

  of(name: string): number {
    const key = name.toLowerCase();
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    this.#slots.set(key, slot);
    return slot;
  }

  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }
}
