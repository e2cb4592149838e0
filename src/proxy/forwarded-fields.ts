/**
 * What the edge says to upstreams of a client it takes at its word for nothing: X-Forwarded-For, -Proto,
 * -Host and Forwarded (RFC 7239), up to the name of the request id that follows.
 *
 * It is the same for every request of a connection that asks for one host, so it is put together once and
 * copied: together with the concatenation it took a third of serialising a request.
 */
import type { RequestView } from '#waf/request-view.ts';

export class ForwardedFields {
  readonly #peer: string;
  readonly #isTls: boolean;
  #host: Buffer | null = null;
  lines = '';
  bytes: Buffer = noBytes;

  constructor(peer: string, isTls: boolean) {
    this.#peer = peer;
    this.#isTls = isTls;
  }

  /** Makes `lines` and `bytes` those for the host a request asks for. */
  prepare(view: RequestView): void {
    if (this.#host !== null && isHostOf(this.#host, view)) return;
    const host =
      view.hostStart < 0 ? '' : view.bytes.toString('latin1', view.hostStart, view.hostEnd);
    const proto = this.#isTls ? 'https' : 'http';
    const hostField = host === '' ? '' : `X-Forwarded-Host: ${host}\r\n`;
    const element = forwardedElement(this.#peer, proto, host);
    this.lines = `X-Forwarded-For: ${this.#peer}\r\nX-Forwarded-Proto: ${proto}\r\n${hostField}Forwarded: ${element}\r\nX-Request-Id: `;
    this.bytes = Buffer.from(this.lines, 'latin1');
    this.#host = Buffer.from(host, 'latin1');
  }
}

/** `for=…;host=…;proto=…`: what one proxy says of whom it got a request from (RFC 7239 section 4). */
export function forwardedElement(peer: string, proto: string, host: string): string {
  const node = peer.includes(':') ? `"[${peer}]"` : peer;
  const hostPart = host === '' ? '' : `;host="${host}"`;
  return `for=${node}${hostPart};proto=${proto}`;
}

function isHostOf(host: Buffer, { bytes, hostStart, hostEnd }: RequestView): boolean {
  const length = hostStart < 0 ? 0 : hostEnd - hostStart;
  if (host.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[hostStart + i] !== host[i]) return false;
  return true;
}

const noBytes = Buffer.alloc(0);
