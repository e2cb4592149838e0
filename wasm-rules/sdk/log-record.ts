/**
 * What became of a request, once it is over.
 *
 * ```
 * changetype<LogRecord>(view) ─► size outcome status request bytesIn(u64) bytesOut(u64) duration waf rule(2) score 0   rule  Request
 * ```
 */
import { Request } from './request';

@unmanaged
export class LogRecord {
  size: u32;
  /** `outcomeForwarded` and its like in `layout.ts`. */
  outcome: u32;
  /** What the client got; 0 where it got nothing. */
  status: i32;
  requestOffset: u32;
  bytesIn: u64;
  bytesOut: u64;
  durationMicros: u32;
  /** Of that, in modules. */
  wafMicros: u32;
  ruleOffset: u32;
  ruleLength: i32;
  score: i32;
  reserved: u32;

  @inline get request(): Request {
    return changetype<Request>(changetype<usize>(this) + this.requestOffset);
  }

  /** The rule that decided; length 0 when none did. */
  @inline get ruleAt(): usize {
    return changetype<usize>(this) + this.ruleOffset;
  }
}
