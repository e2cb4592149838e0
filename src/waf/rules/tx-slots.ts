/**
 * Numbers for the names of TX variables that rules write down; names that only a request makes
 * (`tx.count_%{MATCHED_VAR_NAME}`) go to a table in the guest. The first ten are captures.
 */
import { captureSlots } from './image-layout.ts';

export class TxSlots {
  readonly #slots = new Map<string, number>();
  readonly #kept = new Set<number>();
  /** Slots that are asked for from now on are those of rules that wait for the answer. */
  isOfResponse = false;

  constructor() {
    for (let i = 0; i < captureSlots; i++) this.#slots.set(String(i), i);
  }

  of(name: string): number {
    const key = name.toLowerCase();
    const slot = this.#slots.get(key) ?? this.#slots.size;
    this.#slots.set(key, slot);
    if (this.isOfResponse) this.#kept.add(slot);
    return slot;
  }

  /** Those that rules name which wait for the answer. */
  get kept(): readonly number[] {
    return [...this.#kept].toSorted((a, b) => a - b);
  }

  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }
}
