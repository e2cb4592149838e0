/**
 * The packed request head, read where it lies: `Request` and `Header` are unmanaged classes whose
 * fields are the words of the view, so an accessor is one load and one addition and nothing is
 * allocated.
 *
 * ```
 * changetype<Request>(view) ─► size flags (offset length)×6 headerCount (Header)×n  bytes…
 * ```
 *
 * All offsets count from the start of the view; a part that is absent has offset 0. The accessors
 * trust the table: the host wrote it.
 */
import { equalsIgnoreCase } from './bytes';
import {
  certificateShown,
  certificateVerified,
  flagConnection,
  flagHttp10,
  flagTls,
} from './layout';

/** Where the header table starts, in bytes from the start of the view. */
const headerTable: usize = 15 * 4;
const headerBytes: usize = 16;

@unmanaged
export class Request {
  size: u32;
  flags: u32;
  methodOffset: u32;
  methodLength: i32;
  targetOffset: u32;
  targetLength: i32;
  pathOffset: u32;
  pathLength: i32;
  queryOffset: u32;
  queryLength: i32;
  hostOffset: u32;
  hostLength: i32;
  clientOffset: u32;
  clientLength: i32;
  headerCount: i32;

  @inline get isTls(): bool {
    return (this.flags & flagTls) != 0;
  }

  @inline get isHttp10(): bool {
    return (this.flags & flagHttp10) != 0;
  }

  @inline get methodAt(): usize {
    return changetype<usize>(this) + this.methodOffset;
  }

  /** The request target as it came: path and query, an absolute URL, or `*`. */
  @inline get targetAt(): usize {
    return changetype<usize>(this) + this.targetOffset;
  }

  @inline get pathAt(): usize {
    return changetype<usize>(this) + this.pathOffset;
  }

  /** False when the target has no `?`; a target that ends in `?` has a query of length 0. */
  @inline get hasQuery(): bool {
    return this.queryOffset != 0;
  }

  @inline get queryAt(): usize {
    return changetype<usize>(this) + this.queryOffset;
  }

  @inline get hasHost(): bool {
    return this.hostOffset != 0;
  }

  @inline get hostAt(): usize {
    return changetype<usize>(this) + this.hostOffset;
  }

  /** The client's address as text, IPv4 or IPv6, behind trusted proxies already. */
  @inline get clientAt(): usize {
    return changetype<usize>(this) + this.clientOffset;
  }

  /** The first byte of the head as it came; the parts above lie in it one after the other. */
  @inline get headAt(): usize {
    return changetype<usize>(this) + headerTable + <usize>this.headerCount * headerBytes;
  }

  @inline get headLength(): i32 {
    return <i32>(this.clientAt - this.headAt);
  }

  /** False without TLS; then there is no `connection` to read. */
  @inline get hasConnection(): bool {
    return (this.flags & flagConnection) != 0;
  }

  /** What is known of the connection. Ask `hasConnection` first. */
  @inline get connection(): Connection {
    const end = this.clientAt + this.clientLength;
    return changetype<Connection>((end + 3) & ~3);
  }

  /** The JA4 fingerprint of the client's TLS, for example `t13d1516h2_8daaf6152771_e5627efa2ab1`. */
  @inline ja4At(connection: Connection): usize {
    return changetype<usize>(this) + connection.ja4Offset;
  }

  /** The subject of the client's certificate, RFC 4514 text; length 0 without one. */
  @inline subjectAt(connection: Connection): usize {
    return changetype<usize>(this) + connection.subjectOffset;
  }

  /** SHA-256 of the client's certificate, lower-case hexadecimal; length 0 without one. */
  @inline sha256At(connection: Connection): usize {
    return changetype<usize>(this) + connection.sha256Offset;
  }

  @inline header(index: i32): Header {
    return changetype<Header>(changetype<usize>(this) + headerTable + <usize>index * headerBytes);
  }

  /** The index of the first header of this name from `from` on, or -1. `name` is lower case. */
  find(name: string, from: i32 = 0): i32 {
    for (let i = from, count = this.headerCount; i < count; i++) {
      const header = this.header(i);
      if (equalsIgnoreCase(this.nameAt(header), header.nameLength, name)) return i;
    }
    return -1;
  }

  @inline nameAt(header: Header): usize {
    return changetype<usize>(this) + header.nameOffset;
  }

  /** The value without the blanks around it. */
  @inline valueAt(header: Header): usize {
    return changetype<usize>(this) + header.valueOffset;
  }
}

@unmanaged
export class Header {
  nameOffset: u32;
  nameLength: i32;
  valueOffset: u32;
  valueLength: i32;
}

@unmanaged
export class Connection {
  ja4Offset: u32;
  ja4Length: i32;
  subjectOffset: u32;
  subjectLength: i32;
  sha256Offset: u32;
  sha256Length: i32;
  certificate: u32;

  @inline get showsCertificate(): bool {
    return (this.certificate & certificateShown) != 0;
  }

  /** One of the listener's authorities issued it, and it is valid today. */
  @inline get isVerified(): bool {
    return (this.certificate & certificateVerified) != 0;
  }
}
