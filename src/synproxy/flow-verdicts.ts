/** What was said of a flow, given to the packet program: from then on its packets are a look-up. */
import { assert } from '#core/assert.ts';
import { stableBuffer } from './bpf-call.ts';
import type { InspectedPacket } from './inspected-packet.ts';
import type { KernelMap, ShieldLayout, ShieldMaps, StructLayout } from './kernel-map.ts';
import { viewOf } from './list-entry.ts';

export type FlowVerdict = 'pass' | 'drop';

type Table = {
  readonly map: KernelMap;
  readonly key: Buffer;
  readonly layout: StructLayout;
};

export class FlowVerdicts {
  readonly #tables: Readonly<Record<4 | 6, Table>>;
  readonly #value: Buffer;
  readonly #idAt: number;
  readonly #verdictAt: number;
  readonly #verdicts: ReadonlyMap<string, number>;
  readonly #open: number;

  constructor(maps: Pick<ShieldMaps, 'flows4' | 'flows6'>, layout: ShieldLayout) {
    const table = (map: KernelMap, name: string): Table => ({
      map,
      key: stableBuffer(map.keyBytes),
      layout: layout.struct(name),
    });
    this.#tables = { 4: table(maps.flows4, 'flow_key4'), 6: table(maps.flows6, 'flow_key6') };
    const flow = layout.struct('flow');
    this.#value = stableBuffer(flow.bytes);
    this.#idAt = flow.field('id').offset;
    this.#verdictAt = flow.field('verdict').offset;
    this.#verdicts = layout.enumeration('flow_verdict');
    this.#open = this.#number('open');
  }

  /**
   * Whether a verdict is still wanted. Not where there is one, said between two packets; nor where its place is
   * another flow's by now, or nobody's: the table forgets who waits longest.
   */
  isOpen(packet: InspectedPacket): boolean {
    return (
      this.#find(packet) && viewOf(this.#value).getUint32(this.#verdictAt, true) === this.#open
    );
  }

  /** False where nobody wants it. */
  decide(packet: InspectedPacket, verdict: FlowVerdict): boolean {
    if (!this.isOpen(packet)) return false;
    const { map, key } = this.#tables[packet.family];
    this.#value.writeUInt32LE(this.#number(verdict), this.#verdictAt);
    map.update(key, this.#value);
    return true;
  }

  #find(packet: InspectedPacket): boolean {
    const { map, key, layout } = this.#tables[packet.family];
    key.fill(0);
    key.set(packet.source, layout.field('source').offset);
    key.set(packet.destination, layout.field('destination').offset);
    key.writeUInt16LE(packet.sourcePort, layout.field('source_port').offset);
    key.writeUInt16LE(packet.destinationPort, layout.field('destination_port').offset);
    key.writeUInt8(packet.protocol, layout.field('protocol').offset);
    return (
      map.lookup(key, this.#value) &&
      viewOf(this.#value).getBigUint64(this.#idAt, true) === packet.flow
    );
  }

  #number(name: string): number {
    const number = this.#verdicts.get(name);
    assert(number !== undefined, `enum flow_verdict has ${name}`);
    return number;
  }
}
