/**
 * A stretch of a request's or a response's body, with the heads it belongs to.
 *
 * ```
 * changetype<Body>(view) ─► size flags position(u64) overlap data(2) request response 0   data  Request  Response
 * ```
 *
 * A body comes whole when it fits the window, else stretch by stretch, each beginning with the last
 * bytes of the one before (`overlap`), so that a pattern up to that long is never cut in two.
 */
import { bodyFirst, bodyLast, bodyOfResponse, bodyWhole } from './layout';
import { Request } from './request';
import { Response } from './response';

@unmanaged
export class Body {
  size: u32;
  flags: u32;
  /** Where the first new byte stands in the body. */
  position: u64;
  /** How many bytes at the front were in the stretch before. */
  overlap: i32;
  dataOffset: u32;
  /** With the overlap. */
  dataLength: i32;
  requestOffset: u32;
  responseOffset: u32;
  reserved: u32;

  @inline get isFirst(): bool {
    return (this.flags & bodyFirst) != 0;
  }

  @inline get isLast(): bool {
    return (this.flags & bodyLast) != 0;
  }

  /** All of the body is here: first and last at once. */
  @inline get isWhole(): bool {
    return (this.flags & bodyWhole) != 0;
  }

  @inline get isOfResponse(): bool {
    return (this.flags & bodyOfResponse) != 0;
  }

  @inline get dataAt(): usize {
    return changetype<usize>(this) + this.dataOffset;
  }

  @inline get request(): Request {
    return changetype<Request>(changetype<usize>(this) + this.requestOffset);
  }

  /** The response's head. Ask `isOfResponse` first. */
  @inline get response(): Response {
    return changetype<Response>(changetype<usize>(this) + this.responseOffset);
  }
}
