/**
 * A packet of a flow, read where it lies, as `Request` is.
 *
 * ```
 * changetype<Packet>(view) ─► size flags family protocol ports(2) tcpFlags sequence number wireBytes payload(2)
 *                             flow(u64) source(16) destination(16) │ payload
 * ```
 *
 * A module exports `weir_packet` and answers each packet with one of `passFlow`, `dropFlow`, `alertFlow`, or
 * with 0, which asks for the next one. Who sends a packet can write any source into it: only a TCP flow
 * that has gone on behind its SYN comes from where it says.
 */
import { packetBegins, packetCut, packetIncoming } from './layout';

@unmanaged
export class Packet {
  size: u32;
  flags: u32;
  /** 4 or 6. */
  family: u32;
  /** As IANA numbers them: 6 TCP, 17 UDP. */
  protocol: u32;
  sourcePort: i32;
  destinationPort: i32;
  /** `tcpSyn` and its like in `layout.ts`; 0 for other protocols. */
  tcpFlags: u32;
  tcpSequence: u32;
  /** Of the packets seen of this flow, from 1. */
  number: u32;
  /** How long the payload was on the wire. */
  wireBytes: i32;
  payloadOffset: u32;
  payloadLength: i32;
  flow: u64;

  /** Towards this host. */
  @inline get isIncoming(): bool {
    return (this.flags & packetIncoming) != 0;
  }

  /** A TCP connection begins with it: a SYN, or the ACK behind a SYN that was answered with a SYN cookie. */
  @inline get begins(): bool {
    return (this.flags & packetBegins) != 0;
  }

  /** There was more on the wire than is here. */
  @inline get isCut(): bool {
    return (this.flags & packetCut) != 0;
  }

  /** Sixteen bytes in network order; IPv4 as `::ffff:192.0.2.7`, as `address.ts` has it. */
  @inline get sourceAt(): usize {
    return changetype<usize>(this) + 56;
  }

  @inline get destinationAt(): usize {
    return changetype<usize>(this) + 72;
  }

  /** Behind the heads, at most 512 bytes. */
  @inline get payloadAt(): usize {
    return changetype<usize>(this) + this.payloadOffset;
  }
}
