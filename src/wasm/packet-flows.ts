/**
 * What a module keeps of a flow from one of its packets to the next: scope 0 of the key-value calls, which
 * for a request is the transaction.
 *
 * The flows that asked for it last have room, and little each: who sends a packet of a million flows takes
 * it from flows that wait longest for their next one, and a module that finds nothing starts again.
 */
import type { CallSubject } from './hostcalls/call-site.ts';
import { addressText, type PacketView } from './packet-view.ts';

export const flowsMax = 4_096;
export const flowNotesMax = 16;
/** Names and values of a flow together. */
export const flowNoteBytesMax = 4_096;

type Notes = { readonly values: Map<string, Buffer>; bytes: number };

export class PacketFlows {
  readonly #flows = new Map<bigint, Notes>();
  readonly #onEvicted: () => void;

  constructor(onEvicted: () => void = () => {}) {
    this.#onEvicted = onEvicted;
  }

  /** Flows that something is kept of. */
  get size(): number {
    return this.#flows.size;
  }

  /** For the calls that a module makes about this packet. */
  subject(packet: PacketView): CallSubject {
    return new FlowSubject(this, packet);
  }

  end(flow: bigint): void {
    this.#flows.delete(flow);
  }

  note(flow: bigint, key: string): Buffer | undefined {
    return this.#flows.get(flow)?.values.get(key);
  }

  setNote(flow: bigint, key: string, value: Buffer): boolean {
    const notes = this.#flows.get(flow) ?? { values: new Map<string, Buffer>(), bytes: 0 };
    const before = notes.values.get(key);
    const bytes = notes.bytes + value.length + (before === undefined ? key.length : -before.length);
    if (bytes > flowNoteBytesMax) return false;
    if (before === undefined && notes.values.size >= flowNotesMax) return false;
    notes.values.set(key, value);
    notes.bytes = bytes;
    // Behind all others, as the one that was used last.
    this.#flows.delete(flow);
    this.#makeRoom();
    this.#flows.set(flow, notes);
    return true;
  }

  deleteNote(flow: bigint, key: string): boolean {
    const notes = this.#flows.get(flow);
    const before = notes?.values.get(key);
    if (notes === undefined || before === undefined) return false;
    notes.values.delete(key);
    notes.bytes -= key.length + before.length;
    if (notes.values.size === 0) this.#flows.delete(flow);
    return true;
  }

  #makeRoom(): void {
    if (this.#flows.size < flowsMax) return;
    for (const [oldest] of this.#flows) {
      this.#flows.delete(oldest);
      this.#onEvicted();
      return;
    }
  }
}

class FlowSubject implements CallSubject {
  readonly isMonitored = false;
  readonly #flows: PacketFlows;
  readonly #packet: PacketView;

  constructor(flows: PacketFlows, packet: PacketView) {
    this.#flows = flows;
    this.#packet = packet;
  }

  /** Its text is asked for seldom. */
  get clientAddress(): string {
    return addressText(this.#packet.family, this.#packet.source);
  }

  note(key: string): Buffer | undefined {
    return this.#flows.note(this.#packet.flow, key);
  }

  setNote(key: string, value: Buffer): boolean {
    return this.#flows.setNote(this.#packet.flow, key, value);
  }

  deleteNote(key: string): boolean {
    return this.#flows.deleteNote(this.#packet.flow, key);
  }
}
