/**
 * A packet of a flow as a module sees it: what the kernel has read of its heads, and the first bytes behind
 * them, packed as `wasm-rules/abi.md` says ("A packet").
 *
 * ```
 * at ─► size flags family protocol ports(2) tcpFlags sequence number wireBytes payload(2) flow(2)
 *       source(16 bytes) destination(16 bytes) │ payload
 *       └──────────── 88 bytes ───────────────┘
 * ```
 */
import { assert } from '#core/assert.ts';
import { formatWords, type IpFamily } from '#core/ip.ts';
import type { GuestMemory } from './guest-memory.ts';

/** What is known of a packet. The bytes are borrowed during the call. */
export type PacketView = {
  readonly family: IpFamily;
  /** As IANA numbers them: 6 TCP, 17 UDP. */
  readonly protocol: number;
  /** In network order: 4 bytes, or 16. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** 0 where the protocol has none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The flags byte of the TCP head, FIN as bit 0; 0 for other protocols. */
  readonly tcpFlags: number;
  /** Sequence number of the TCP head; 0 for other protocols. */
  readonly tcpSequence: number;
  /** Of the packets that were seen of the flow, from 1. */
  readonly number: number;
  readonly flow: bigint;
  /** A TCP connection begins with it: a SYN, or the ACK behind a SYN that was answered with a cookie. */
  readonly begins: boolean;
  /** Towards this host. */
  readonly isIncoming: boolean;
  /** Behind the heads, at most `packetPayloadBytesMax`. */
  readonly payload: Uint8Array;
  /** How long that was on the wire: more than `payload` holds where it was cut. */
  readonly wireBytes: number;
};

export const packetPayloadBytesMax = 512;

export const packetWords = 22;
const flagIncoming = 1;
const flagCut = 2;
const flagBegins = 4;
const sourceOffset = 14 * 4;
const destinationOffset = 18 * 4;
const payloadOffset = packetWords * 4;

/** How many bytes `weir_reserve` is asked for by a module of packets. */
export const packetBytesMax = (payloadOffset + packetPayloadBytesMax + 15) & ~15;

/** Returns the size of the view in bytes. */
export function encodePacket(packet: PacketView, memory: GuestMemory, at: number): number {
  const { payload, flow, wireBytes } = packet;
  assert(payload.length <= packetPayloadBytesMax, 'payload within its bound');
  const { words, bytes } = memory;
  const size = payloadOffset + payload.length;
  let word = at >>> 2;
  words[word++] = size;
  words[word++] =
    (packet.isIncoming ? flagIncoming : 0) |
    (wireBytes > payload.length ? flagCut : 0) |
    (packet.begins ? flagBegins : 0);
  words[word++] = packet.family;
  words[word++] = packet.protocol;
  words[word++] = packet.sourcePort;
  words[word++] = packet.destinationPort;
  words[word++] = packet.tcpFlags;
  words[word++] = packet.tcpSequence;
  words[word++] = packet.number;
  words[word++] = wireBytes;
  words[word++] = payloadOffset;
  words[word++] = payload.length;
  words[word++] = Number(flow & 0xffff_ffffn);
  words[word] = Number((flow >> 32n) & 0xffff_ffffn);
  writeAddress(packet.family, packet.source, bytes, at + sourceOffset);
  writeAddress(packet.family, packet.destination, bytes, at + destinationOffset);
  bytes.set(payload, at + payloadOffset);
  return size;
}

/** Sixteen bytes; IPv4 stands in `::ffff:0:0/96`, so that a guest compares both alike. */
function writeAddress(family: IpFamily, address: Uint8Array, bytes: Buffer, at: number): void {
  assert(address.length === (family === 4 ? 4 : 16), 'an address has the length of its family');
  if (family === 6) {
    bytes.set(address, at);
    return;
  }
  bytes.fill(0, at, at + 10);
  bytes.fill(0xff, at + 10, at + 12);
  bytes.set(address, at + 12);
}

/** Canonical text of an address of a packet. */
export function addressText(family: IpFamily, address: Uint8Array): string {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const words = new Uint32Array(4);
  for (let i = 0; i * 4 < address.length; i++) words[i] = view.getUint32(i * 4);
  return formatWords(family, words);
}
