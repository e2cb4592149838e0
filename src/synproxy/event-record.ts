/**
 * `struct event` as the ring brings it, read by the layout the program was built with.
 *
 * A decoder fills the one record it has: a flood is a million events, and each would else be garbage.
 */
import type { FieldLayout, ShieldLayout } from './kernel-map.ts';
import { readU64 } from './list-entry.ts';

export type PacketEvent = {
  /** Monotonic, as `performance.now` counts but from the start of the machine. */
  timeMs: number;
  /** Packets this one stands for. */
  weight: number;
  length: number;
  interfaceIndex: number;
  /** Name as in the metrics, or `unknown` of a program that is newer. */
  verdict: string;
  family: 4 | 6;
  protocol: number;
  tcpFlags: number;
  sourcePort: number;
  destinationPort: number;
  /** Number in the live generation, or null. */
  rule: number | null;
  readonly source: Uint32Array;
  readonly destination: Uint32Array;
};

const noRule = 0xffff;

export class EventDecoder {
  readonly record: PacketEvent = {
    timeMs: 0,
    weight: 0,
    length: 0,
    interfaceIndex: 0,
    verdict: 'unknown',
    family: 4,
    protocol: 0,
    tcpFlags: 0,
    sourcePort: 0,
    destinationPort: 0,
    rule: null,
    source: new Uint32Array(4),
    destination: new Uint32Array(4),
  };
  readonly #bytes: number;
  #data: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#data.buffer);
  readonly #verdicts: readonly string[];
  readonly #fields: Readonly<Record<(typeof fieldNames)[number], FieldLayout>>;

  constructor(layout: ShieldLayout) {
    const event = layout.struct('event');
    this.#bytes = event.bytes;
    const verdicts: string[] = [];
    for (const [name, value] of layout.enumeration('verdict')) verdicts[value] = name;
    this.#verdicts = verdicts;
    this.#fields = Object.fromEntries(
      fieldNames.map((name) => [name, event.field(name)]),
    ) as Record<(typeof fieldNames)[number], FieldLayout>;
  }

  /**
   * Null for what is no event of ours, as of packets that are not IP. The record is good until the next call.
   */
  decode(data: Uint8Array, at = 0, length = data.length - at): PacketEvent | null {
    if (length < this.#bytes) return null;
    // One view for all of a ring: making one for each event would cost more than reading it.
    if (data !== this.#data) {
      this.#data = data;
      this.#view = new DataView(data.buffer, data.byteOffset, data.length);
    }
    const view = this.#view;
    const fields = this.#fields;
    const family = view.getUint8(at + fields.family.offset);
    if (family !== 4 && family !== 6) return null;
    const { record } = this;
    record.timeMs = readU64(view, at + fields.time_ns.offset) / 1_000_000;
    record.weight = view.getUint32(at + fields.weight.offset, true);
    record.length = view.getUint32(at + fields.length.offset, true);
    record.interfaceIndex = view.getUint32(at + fields.interface_index.offset, true);
    record.verdict = this.#verdicts[view.getUint8(at + fields.verdict.offset)] ?? 'unknown';
    record.family = family;
    record.protocol = view.getUint8(at + fields.protocol.offset);
    record.tcpFlags = view.getUint8(at + fields.tcp_flags.offset);
    record.sourcePort = view.getUint16(at + fields.source_port.offset, true);
    record.destinationPort = view.getUint16(at + fields.destination_port.offset, true);
    const rule = view.getUint16(at + fields.rule.offset, true);
    record.rule = rule === noRule ? null : rule;
    for (let word = 0; word < 4; word++) {
      record.source[word] = view.getUint32(at + fields.source.offset + word * 4);
      record.destination[word] = view.getUint32(at + fields.destination.offset + word * 4);
    }
    return record;
  }
}

const fieldNames = [
  'time_ns',
  'weight',
  'length',
  'interface_index',
  'verdict',
  'family',
  'protocol',
  'tcp_flags',
  'source_port',
  'destination_port',
  'rule',
  'source',
  'destination',
] as const;
