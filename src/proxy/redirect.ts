/**
 * The listener that only redirects to https: reads one request head, answers 308, closes. Only who
 * asks for a live ACME challenge gets that (RFC 8555 section 8.3). The target comes from the parsed view,
 * so nothing but a valid authority and path can enter the Location field.
 */
import type { Socket } from 'node:net';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ProxyContext } from './context.ts';
import { LF } from './http1/bytes.ts';
import { complete, incomplete, parseProblem, problemOf } from './http1/parse-problem.ts';
import { type HeadLimits, parseRequest } from './http1/parse-request.ts';

export function serveRedirect(
  socket: Socket,
  port: number,
  head: HeadLimits,
  context: ProxyContext,
): void {
  const { deadlines, views, metrics } = context;
  const deadline: Expiring = {
    deadlineAt: monotonicMs() + context.snapshot.timeouts.headMs,
    deadlineSlot: -1,
    onDeadline: () => socket.destroy(),
  };
  deadlines.add(deadline);
  let pending: Buffer = Buffer.alloc(0);
  socket.on('close', () => deadlines.remove(deadline));
  socket.on('end', () => socket.end());
  socket.on('data', function onData(bytes: Buffer) {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    // Only a further line end, or a head grown too large, can decide anything.
    if (!bytes.includes(LF) && pending.length < head.headBytesMax) return;
    const view = views.take();
    let result = parseRequest(view, pending, 0, pending.length, head);
    if (result === complete && view.refusal !== 0) result = view.refusal;
    // HTTP/1.0 may leave Host out, but then there is nowhere to redirect to.
    if (result === complete && view.hostStart < 0) result = parseProblem.hostMissing;
    if (result !== incomplete) {
      socket.off('data', onData);
      socket.resume();
      const proof = result === complete ? context.challenges.httpProof(view) : null;
      const status = proof !== null ? 200 : result === complete ? 308 : problemOf(result).status;
      if (proof !== null) metrics.acmeProofs['http-01'].value++;
      metrics.outcomes[result === complete ? 'forwarded' : 'refused'].value++;
      metrics.status(status).value++;
      const location = status === 308 ? `Location: ${httpsTarget(view, port)}\r\n` : '';
      const body = proof ?? '';
      socket.end(
        `HTTP/1.1 ${status} ${phraseOf(status)}\r\n${location}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        'latin1',
      );
      // Room for the answer to be read before the connection goes.
      deadline.deadlineAt = monotonicMs() + 2_000;
    }
    views.give(view);
  });
}

const phraseOf = (status: number): string =>
  status === 200 ? 'OK' : status === 308 ? 'Permanent Redirect' : 'Error';

function httpsTarget(view: ReturnType<ProxyContext['views']['take']>, port: number): string {
  const authority =
    view.hostStart < 0 ? '' : view.bytes.toString('latin1', view.hostStart, view.hostEnd);
  const host = authority.replace(/:\d*$/, '');
  const path = view.bytes.toString('latin1', view.pathStart, view.targetEnd);
  const rest = path.startsWith('/') ? path : `/${path.startsWith('?') ? path : ''}`;
  return `https://${host}${port === 443 ? '' : `:${port}`}${rest}`;
}
