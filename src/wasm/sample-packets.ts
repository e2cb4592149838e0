/**
 * Packets that every module of packets must be able to answer: a TCP connection that opens and says hello by
 * TLS, over either family, and a datagram. What the answer is does not matter.
 */
import type { PacketView } from './packet-view.ts';

const nobody = Buffer.alloc(0);
/** The first bytes of a client hello, cut as the kernel cuts it. */
const hello = Buffer.from(`16030106c4010006c00303${'5a'.repeat(32)}20${'a5'.repeat(32)}`, 'hex');

const packet = (
  number: number,
  tcpFlags: number,
  tcpSequence: number,
  payload: Buffer,
): PacketView => ({
  ...{ family: 4, protocol: 6, sourcePort: 40_000, destinationPort: 443 },
  source: Buffer.from([203, 0, 113, 7]),
  destination: Buffer.from([198, 51, 100, 1]),
  begins: (tcpFlags & 0x02) !== 0,
  ...{ tcpFlags, tcpSequence, number, flow: 1n, isIncoming: true, payload },
  wireBytes: payload.length === 0 ? 0 : 1_737,
});

export const samplePackets: readonly PacketView[] = [
  packet(1, 0x02, 1_000, nobody),
  packet(2, 0x10, 1_001, nobody),
  packet(3, 0x18, 1_001, hello),
  {
    ...packet(1, 0x02, 0xffff_ffff, nobody),
    ...{ family: 6, flow: 2n },
    source: Buffer.from('20010db8000000000000000000000001', 'hex'),
    destination: Buffer.from('20010db8000000000000000000000002', 'hex'),
  },
  {
    ...packet(1, 0, 0, Buffer.from('0001010000010000', 'hex')),
    ...{ protocol: 17, destinationPort: 53, flow: 3n, wireBytes: 8 },
  },
];
