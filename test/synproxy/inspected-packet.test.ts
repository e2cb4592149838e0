/** Heads of inspected packets, read from bytes of a stranger. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InspectedPackets } from '#synproxy/inspected-packet.ts';
import type { ShieldLayout } from '#synproxy/kernel-map.ts';
import { type FrameTerms, frameOf } from '../support/frames.ts';
import { propertySettings } from '../support/property.ts';

const sizes = {
  ...{ flow: 8, length: 4, captured: 4, index: 4, network_offset: 2, transport_offset: 2 },
  ...{ rule: 2, family: 1, protocol: 1, begins: 1, bytes: 512 },
} as const;
const offsets = new Map<string, number>();
let total = 0;
for (const [name, bytes] of Object.entries(sizes)) {
  offsets.set(name, total);
  total += Math.max(8, bytes);
}
const layout: ShieldLayout = {
  struct: () => ({
    bytes: total,
    fieldNames: [...offsets.keys()],
    field: (name) => ({ offset: offsets.get(name) ?? -1, bytes: 1, count: 1 }),
  }),
  enumeration: () => new Map(),
};

type Told = Partial<Record<Exclude<keyof typeof sizes, 'bytes' | 'flow'>, number>>;

function recordOf(frame: Uint8Array, told: Told = {}): Buffer {
  const record = Buffer.alloc(total);
  const view = new DataView(record.buffer, record.byteOffset);
  const at = (name: keyof typeof sizes) => offsets.get(name) ?? -1;
  const captured = Math.min(512, frame.length);
  const is4 = (frame[14] ?? 0) >> 4 === 4;
  const all = {
    ...{ length: frame.length, captured, index: 0, network_offset: 14, rule: 3, begins: 1 },
    transport_offset: is4 ? 14 + ((frame[14] ?? 0) & 15) * 4 : 54,
    ...{ family: is4 ? 4 : 6, protocol: is4 ? (frame[23] ?? 0) : (frame[20] ?? 0) },
    ...told,
  };
  view.setBigUint64(at('flow'), 77n, true);
  for (const name of ['length', 'captured', 'index'] as const)
    view.setUint32(at(name), all[name], true);
  for (const name of ['network_offset', 'transport_offset', 'rule'] as const)
    view.setUint16(at(name), all[name], true);
  for (const name of ['family', 'protocol', 'begins'] as const) view.setUint8(at(name), all[name]);
  record.set(frame.subarray(0, captured), at('bytes'));
  return record;
}

const packets = new InspectedPackets(layout);
const read = (frame: Uint8Array, told?: Told) => {
  const record = recordOf(frame, told);
  return packets.read(record, 0, record.length);
};

describe('an inspected packet', () => {
  for (const from of ['192.0.2.1', '2001:db8::1'])
    for (const protocol of ['tcp', 'udp'] as const)
      it(`has ports and payload of ${protocol} from ${from}`, () => {
        const seen = read(
          frameOf({ from, protocol, sport: 40_000, dport: 443, payload: 9, flags: 'PA' }),
        );
        assert(seen !== null);
        assert.deepEqual(
          [seen.flow, seen.number, seen.begins, seen.sourcePort, seen.destinationPort],
          [77n, 1, true, 40_000, 443],
        );
        assert.deepEqual([seen.payload.length, seen.wireBytes], [9, 9]);
        assert.equal(seen.tcpFlags, protocol === 'tcp' ? 24 : 0);
      });

  it('says how long a payload was that did not fit', () => {
    const seen = read(frameOf({ payload: 1_200, flags: 'A' }));
    assert.equal(seen?.wireBytes, 1_200);
    assert.equal(seen?.payload.length, 512 - 54);
  });

  const bad: readonly [string, FrameTerms, Told, ((frame: Buffer) => void)?][] = [
    ['a family that is not that of the bytes', {}, { family: 6 }],
    ['an IP length beyond the frame', {}, {}, (frame) => frame.writeUInt16BE(9_000, 16)],
    ['an IP length within its own head', {}, {}, (frame) => frame.writeUInt16BE(10, 16)],
    [
      'a TCP head longer than the packet',
      { flags: 'A' },
      {},
      (frame) => frame.writeUInt8(0xf0, 46),
    ],
    ['a TCP head shorter than one', { flags: 'A' }, {}, (frame) => frame.writeUInt8(0x10, 46)],
    [
      'a UDP length beyond the packet',
      { protocol: 'udp' },
      {},
      (frame) => frame.writeUInt16BE(999, 38),
    ],
    ['heads behind what was captured', {}, { captured: 20 }],
    ['a transport head inside the IP head', {}, { transport_offset: 16 }],
    ['a network offset beyond it all', {}, { network_offset: 600 }],
    ['more captured than there is room', {}, { captured: 513 }],
  ];
  for (const [what, terms, told, change] of bad)
    it(`is nothing with ${what}`, () => {
      const frame = frameOf(terms);
      assert.notEqual(read(frame), null);
      change?.(frame);
      assert.equal(read(frame, told), null);
    });

  it('never reads outside of its bytes, whatever they are', (t) => {
    const number = fc.oneof(fc.nat(600), fc.nat(65_535));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 14, maxLength: 512 }),
        fc.record({
          length: number,
          captured: number,
          network_offset: number,
          transport_offset: number,
          family: fc.constantFrom(4, 6, 0),
          protocol: fc.constantFrom(6, 17, 1, 58),
        }),
        (bytes, told) => {
          bytes[14] = told.family === 6 ? 0x60 : 0x45;
          const record = recordOf(bytes, told);
          const seen = packets.read(record, 0, record.length);
          if (seen === null) return;
          assert(seen.payload.length <= seen.wireBytes && seen.payload.length <= 512);
          const { byteOffset, length } = seen.payload;
          assert(byteOffset + length <= record.byteOffset + record.length);
          assert.equal(seen.source.length, seen.family === 4 ? 4 : 16);
        },
      ),
      propertySettings(t, 5_000),
    );
  });
});
