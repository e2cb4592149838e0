/**
 * A message head, parsed once: the bytes as they came, and where everything lies in them.
 *
 * The codec (`#proxy/http1/`) fills it, rules read it, and the forwarder serialises the next hop's head
 * from it: what is inspected is what is forwarded.
 *
 * ```
 * bytes  … G E T   / a ? b = 1   H T T P / 1 . 1 \r \n H o s t :   x \r \n \r \n …
 *          ^start  ^targetStart                        ^headers[0]             ^end
 * ```
 *
 * Offsets are absolute in `bytes`. Views are pooled: nobody keeps one beyond its exchange.
 */
export abstract class HeadView {
  /** The buffer the head lies in; emptied at release so that a pooled view keeps no memory alive. */
  bytes: Buffer = noBytes;
  /** First byte of the first line. */
  start = 0;
  /** One past the empty line that ends the head. */
  end = 0;
  /**
   * The major version: 1, or 2 for a head that came by HTTP/2 and was written down in HTTP/1.1 form; 0 for a request line
   * without a version.
   */
  major = 1;
  /** The minor version: 0 for HTTP/1.0 and older, else 1; HTTP/2 messages mean what HTTP/1.1 ones do. */
  minor = 1;

  headerCount = 0;
  /** Four numbers a header: name start, name end, value start, value end (without outer blanks). */
  readonly headers: Uint32Array;
  /** What each header means to the codec, a `fieldKind`. */
  readonly kinds: Uint8Array;

  /** Content-Length, or -1 when there is none. */
  contentLength = -1;
  /** Transfer-Encoding is exactly `chunked`. */
  chunked = false;
  /** Connection holds `close`. */
  connectionClose = false;
  /** Connection holds `keep-alive`. */
  connectionKeepAlive = false;
  /** Connection holds `upgrade`. */
  connectionUpgrade = false;
  /** Index of the first Upgrade header, or -1. */
  upgradeIndex = -1;

  constructor(headersMax: number) {
    this.headers = new Uint32Array(headersMax * 4);
    this.kinds = new Uint8Array(headersMax);
  }

  release(): void {
    this.bytes = noBytes;
  }

  headerName(index: number): string {
    const at = index * 4;
    return this.bytes.toString('latin1', this.headers[at], this.headers[at + 1]);
  }

  headerValue(index: number): string {
    const at = index * 4;
    return this.bytes.toString('latin1', this.headers[at + 2], this.headers[at + 3]);
  }
}

const noBytes = Buffer.alloc(0);
