/** A verdict on a flow goes to that flow, and to none that has its addresses and ports later. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIp } from '#core/ip.ts';
import { FlowVerdicts } from '#synproxy/flow-verdicts.ts';
import type { InspectedPacket } from '#synproxy/inspected-packet.ts';
import { addressBytes } from '../support/frames.ts';
import { memoryLayout, memoryMaps } from '../support/memory-shield.ts';

const flow = memoryLayout.struct('flow');
const verdicts = memoryLayout.enumeration('flow_verdict');

for (const [family, from, to] of [
  [4, '192.0.2.1', '198.51.100.1'],
  [6, '2001:db8::1', '2001:db8:1::1'],
] as const)
  describe(`of IPv${family}`, () => {
    const maps = memoryMaps(['flows4', 'flows6']);
    const table = maps[`flows${family}`];
    const said = new FlowVerdicts(maps, memoryLayout);
    const packet = (id: bigint): InspectedPacket => ({
      ...{ flow: id, number: 1, rule: 0, isIncoming: true, begins: true, family, protocol: 6 },
      ...{ source: bytesOf(from), destination: bytesOf(to), sourcePort: 40_000 },
      ...{ destinationPort: 443, tcpFlags: 2, tcpSequence: 1 },
      ...{ payload: new Uint8Array(0), wireBytes: 0 },
    });
    const keyOf = (): Buffer => {
      const layout = memoryLayout.struct(`flow_key${family}`);
      const key = Buffer.alloc(layout.bytes);
      key.set(bytesOf(from), layout.field('source').offset);
      key.set(bytesOf(to), layout.field('destination').offset);
      key.writeUInt16LE(40_000, layout.field('source_port').offset);
      key.writeUInt16LE(443, layout.field('destination_port').offset);
      key.writeUInt8(6, layout.field('protocol').offset);
      return key;
    };
    /** As the packet program begins one. */
    const begin = (id: bigint): void => {
      const value = Buffer.alloc(flow.bytes);
      value.writeBigUInt64LE(id, flow.field('id').offset);
      value.writeUInt32LE(verdicts.get('open') ?? -1, flow.field('verdict').offset);
      table.update(keyOf(), value);
    };
    const verdictNow = (): string | undefined => {
      const value = Buffer.alloc(flow.bytes);
      if (!table.lookup(keyOf(), value)) return undefined;
      const number = value.readUInt32LE(flow.field('verdict').offset);
      return [...verdicts].find(([, one]) => one === number)?.[0];
    };

    it('a verdict is given once', () => {
      begin(7n);
      assert.equal(said.isOpen(packet(7n)), true);
      assert.equal(said.decide(packet(7n), 'drop'), true);
      assert.equal(verdictNow(), 'drop');
      assert.equal(said.isOpen(packet(7n)), false);
      assert.equal(said.decide(packet(7n), 'pass'), false);
      assert.equal(verdictNow(), 'drop');
    });

    it('what is said of a flow is not for the one that took its place', () => {
      begin(8n);
      assert.equal(said.isOpen(packet(7n)), false);
      assert.equal(said.decide(packet(7n), 'drop'), false);
      assert.equal(verdictNow(), 'open');
    });

    it('nor for nobody', () => {
      table.delete(keyOf());
      assert.equal(said.decide(packet(8n), 'drop'), false);
      assert.equal(verdictNow(), undefined);
    });
  });

function bytesOf(text: string): Uint8Array {
  assert.ok(parseIp(text) !== null);
  return addressBytes(text);
}
