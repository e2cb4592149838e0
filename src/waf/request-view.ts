/**
 * A request head as rules and the forwarder see it: `HeadView` with the parts of the request line.
 */
import { HeadView } from '#waf/head-view.ts';

export class RequestView extends HeadView {
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** The path inside the target; for an absolute-form target it begins after the authority. */
  pathStart = 0;
  pathEnd = 0;
  /** First byte after `?`, or -1 when there is no query. The query ends at `targetEnd`. */
  queryStart = -1;
  /** The authority the request is for (absolute-form target, else Host), or -1 when HTTP/1.0 gave none. */
  hostStart = -1;
  hostEnd = -1;
  /** A module has written the request line: what it says is what the upstream gets. */
  hasNewLine = false;
  /** Expect holds `100-continue`. */
  expectContinue = false;
  /**
   * Why the request is refused although its head can be read: a parse problem, or 0. Rules see such a
   * request first, so that scanners which send one are noticed; then it is answered and the connection
   * closes.
   */
  refusal = 0;
}
