/**
 * The packed response head, read where it lies, as `Request` is; the request it answers lies behind it.
 *
 * ```
 * changetype<Response>(view) ─► size flags status request reason(2) headerCount 0 (Header)×n  bytes…  Request
 * ```
 */
import { equalsIgnoreCase } from './bytes';
import { Header, Request } from './request';

/** Where the header table starts, in bytes from the start of the view. */
const headerTable: usize = 8 * 4;
const headerBytes: usize = 16;

@unmanaged
export class Response {
  size: u32;
  flags: u32;
  status: i32;
  requestOffset: u32;
  reasonOffset: u32;
  reasonLength: i32;
  headerCount: i32;
  reserved: u32;

  /** The request this is the answer to. */
  @inline get request(): Request {
    return changetype<Request>(changetype<usize>(this) + this.requestOffset);
  }

  @inline get reasonAt(): usize {
    return changetype<usize>(this) + this.reasonOffset;
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
