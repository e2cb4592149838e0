/**
 * The payload found in one read: ranges of one buffer, without framing.
 *
 * A read of chunked data can hold many small chunks; they travel on as one piece, so that the next hop
 * gets one write. One piece per worker is enough: it is filled and consumed within one callback.
 */
export class BodyPiece {
  bytes: Buffer = noBytes;
  /** Pairs of start and end in `bytes`; only the first `count` pairs are valid. */
  readonly ranges: number[] = [];
  count = 0;
  /** Payload bytes over all ranges. */
  size = 0;
  /** The message ends with this piece. */
  last = false;
  /**
   * Trailer fields that came with the last piece and may travel on: `name: value CR LF` lines, already
   * checked and filtered. Empty when there are none. Never borrowed.
   */
  trailers: Buffer = noBytes;
  /** A filter has seen them and made them what they are. */
  trailersAreVouchedFor = false;
  /** `bytes` is only valid during the call (a shared read buffer): what is kept must be copied. */
  borrowed = false;

  reset(bytes: Buffer, borrowed: boolean): void {
    this.bytes = bytes;
    this.borrowed = borrowed;
    this.count = 0;
    this.size = 0;
    this.last = false;
    this.trailers = noBytes;
    this.trailersAreVouchedFor = false;
  }

  add(start: number, end: number): void {
    this.ranges[this.count * 2] = start;
    this.ranges[this.count * 2 + 1] = end;
    this.count++;
    this.size += end - start;
  }

  /** The next hop takes no trailers. */
  dropTrailers(): void {
    this.trailers = noBytes;
  }

  /** Copies the payload to `target` at `at`; returns the position after it. */
  copyTo(target: Buffer, at: number): number {
    let to = at;
    for (let i = 0; i < this.count; i++) {
      to += this.bytes.copy(target, to, this.ranges[i * 2], this.ranges[i * 2 + 1]);
    }
    return to;
  }
}

const noBytes = Buffer.alloc(0);
