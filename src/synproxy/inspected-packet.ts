/**
 * `struct packet` of ring `packets`, read: the heads of a frame and what lies behind them.
 *
 * The bytes are a stranger's. What the kernel says of them is used to find the IP header and the one behind
 * it, extension headers and tags included; everything else is read from the bytes, each length held against
 * the one around it. A frame in which they contradict each other is null: nothing is said of what is unclear.
 */
import type { ShieldLayout } from './kernel-map.ts';
import { viewOf } from './list-entry.ts';

export type InspectedPacket = {
  readonly flow: bigint;
  /** Of the packets of its flow that were shown, from 1. */
  readonly number: number;
  /** Number of the rule in its generation. */
  readonly rule: number;
  readonly isIncoming: true;
  /** A TCP connection begins with it. */
  readonly begins: boolean;
  readonly family: 4 | 6;
  /** As IANA numbers them. */
  readonly protocol: number;
  /** In network order, 4 or 16 bytes; borrowed like the payload. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** 0 where there are none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpFlags: number;
  readonly tcpSequence: number;
  readonly payload: Uint8Array;
  /** Of the payload on the wire. */
  readonly wireBytes: number;
};

const tcp = 6;
const udp = 17;

/** What stands behind the IP header. */
type Transport = Pick<
  InspectedPacket,
  'sourcePort' | 'destinationPort' | 'tcpFlags' | 'tcpSequence'
> & { readonly payloadAt: number; readonly end: number };

export class InspectedPackets {
  readonly #at: Readonly<Record<Field, number>>;
  readonly #bytes: number;

  constructor(layout: ShieldLayout) {
    const packet = layout.struct('packet');
    const at = (name: Field) => packet.field(name).offset;
    this.#at = Object.fromEntries(fields.map((name) => [name, at(name)])) as Record<Field, number>;
    this.#bytes = packet.bytes;
  }

  /** Null where it cannot be read. The result is good while the ring's record is. */
  read(data: Uint8Array, offset: number, length: number): InspectedPacket | null {
    if (length < this.#bytes) return null;
    const view = viewOf(data);
    const at = this.#at;
    const u16 = (name: Field) => view.getUint16(offset + at[name], true);
    const u32 = (name: Field) => view.getUint32(offset + at[name], true);
    const captured = u32('captured');
    if (captured > this.#bytes - at.bytes) return null;
    const from = offset + at.bytes;
    const frame = data.subarray(from, from + captured);
    const family = view.getUint8(offset + at.family);
    const heads = readHeads(
      frame,
      u32('length'),
      family,
      view.getUint8(offset + at.protocol),
      u16('network_offset'),
      u16('transport_offset'),
    );
    if (heads === null) return null;
    return {
      flow: view.getBigUint64(offset + at.flow, true),
      number: u32('index') + 1,
      rule: u16('rule'),
      isIncoming: true,
      begins: view.getUint8(offset + at.begins) === 1,
      ...heads,
    };
  }
}

const fields = [
  ...(['flow', 'length', 'captured', 'index', 'network_offset', 'transport_offset'] as const),
  ...(['rule', 'family', 'protocol', 'begins', 'bytes'] as const),
];
type Field = (typeof fields)[number];

type Heads = Omit<InspectedPacket, 'flow' | 'number' | 'rule' | 'isIncoming' | 'begins'>;

function readHeads(
  frame: Uint8Array,
  frameBytes: number,
  family: number,
  protocol: number,
  network: number,
  transport: number,
): Heads | null {
  const headBytes = family === 4 ? 20 : family === 6 ? 40 : null;
  if (headBytes === null || network + headBytes > frame.length) return null;
  const view = viewOf(frame);
  if (view.getUint8(network) >> 4 !== family) return null;
  // Of IPv4 the whole packet, of IPv6 what follows the first header.
  const end =
    family === 4
      ? network + view.getUint16(network + 2)
      : network + headBytes + view.getUint16(network + 4);
  if (end > frameBytes || end < network + headBytes) return null;
  const behind = transport === 0 ? network + ipHeadBytes(view, network, family) : transport;
  if (behind < network + headBytes || behind > end) return null;
  const found = readTransport(view, frame.length, transport === 0 ? null : protocol, behind, end);
  if (found === null) return null;
  const { payloadAt, end: payloadEnd, ...rest } = found;
  const [sourceAt, addressBytes] = family === 4 ? [network + 12, 4] : [network + 8, 16];
  return {
    family: family === 4 ? 4 : 6,
    protocol,
    source: frame.subarray(sourceAt, sourceAt + addressBytes),
    destination: frame.subarray(sourceAt + addressBytes, sourceAt + 2 * addressBytes),
    ...rest,
    payload: frame.subarray(payloadAt, Math.max(payloadAt, payloadEnd)),
    wireBytes: payloadEnd - payloadAt,
  };
}

const ipHeadBytes = (view: DataView, network: number, family: number): number =>
  family === 4 ? (view.getUint8(network) & 15) * 4 : 40;

function readTransport(
  view: DataView,
  captured: number,
  protocol: number | null,
  at: number,
  end: number,
): Transport | null {
  const none = { sourcePort: 0, destinationPort: 0, tcpFlags: 0, tcpSequence: 0 };
  if (protocol !== tcp && protocol !== udp) return { ...none, payloadAt: at, end };
  const headBytes = protocol === tcp ? 20 : 8;
  if (at + headBytes > Math.min(end, captured)) return null;
  const ports = { sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
  if (protocol === udp) {
    const length = view.getUint16(at + 4);
    if (length < headBytes || at + length > end) return null;
    return { ...none, ...ports, payloadAt: at + headBytes, end: at + length };
  }
  const payloadAt = at + (view.getUint8(at + 12) >> 4) * 4;
  if (payloadAt < at + headBytes || payloadAt > end) return null;
  return {
    ...ports,
    tcpFlags: view.getUint8(at + 13),
    tcpSequence: view.getUint32(at + 4),
    payloadAt,
    end,
  };
}
