/**
 * One connection, one request, one response head: sockets alone, no HTTP library, which would mend what
 * the tests are about.
 */
import { connect } from 'node:net';

export type ExchangeTarget = { readonly host: string; readonly port: number };
export type ExchangeResult =
  | { readonly kind: 'response'; readonly status: number; readonly raw: string }
  /** Closed, silent, or not HTTP. */
  | { readonly kind: 'error'; readonly why: string };

const responseTimeoutMs = 10_000;
/** Of what is kept for `response_contains`. */
const rawBytesMax = 1024 * 1024;

export function exchange(target: ExchangeTarget, request: Buffer): Promise<ExchangeResult> {
  const { promise, resolve } = Promise.withResolvers<ExchangeResult>();
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = (result: ExchangeResult): void => {
    socket.destroy();
    resolve(result);
  };
  const read = (): ExchangeResult | null => responseOf(Buffer.concat(chunks).toString('latin1'));
  socket.setTimeout(responseTimeoutMs, () => finish({ kind: 'error', why: 'no answer in 10 s' }));
  socket.on('connect', () => socket.write(request));
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    const result = read();
    if (result !== null) finish(result);
    else if (bytes > rawBytesMax)
      finish({ kind: 'error', why: 'the head of the answer has no end' });
  });
  socket.on('end', () => {
    finish(read() ?? { kind: 'error', why: bytes === 0 ? 'closed without an answer' : 'no HTTP' });
  });
  socket.on('error', (error) => finish(read() ?? { kind: 'error', why: error.message }));
  return promise;
}

/** Null while more must come. */
export function responseOf(raw: string): ExchangeResult | null {
  const end = raw.indexOf('\r\n\r\n');
  if (end === -1) {
    const isStart = 'HTTP/'.startsWith(raw.slice(0, 5));
    return isStart ? null : { kind: 'error', why: 'the answer is not HTTP' };
  }
  const status = /^HTTP\/1\.[01] ([0-9]{3})(?: |\r)/.exec(raw)?.[1];
  if (status === undefined) return { kind: 'error', why: 'the answer is not HTTP' };
  // An interim answer is not the answer.
  if (status.startsWith('1') && status !== '101') return responseOf(raw.slice(end + 4));
  return { kind: 'response', status: Number(status), raw };
}
