/**
 * HTTP/2 without TLS: only for a client that begins with its preface (RFC 9113 section 3.3). The first
 * bytes tell; they are put back for whoever reads them. An Upgrade to h2c is never honoured.
 */
import type { Socket } from 'node:net';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ProxyContext } from '../context.ts';
import { readFirstBytes } from '../listener/first-bytes.ts';
import { preface } from './frame.ts';

/** `PRI * HTTP/2.0` and its line end: no HTTP/1.1 request begins so. */
const tellingBytes = 16;

/** Calls `tell` once the first bytes are there, with the socket paused; one that ends before is let go. */
export function sniffHttp2(
  socket: Socket,
  context: ProxyContext,
  tell: (isHttp2: boolean) => void,
): void {
  const deadline: Expiring = {
    deadlineAt: monotonicMs() + context.snapshot.timeouts.headMs,
    deadlineSlot: -1,
    onDeadline: () => socket.destroy(),
  };
  context.deadlines.add(deadline);
  socket.once('close', () => context.deadlines.remove(deadline));
  let isHttp2 = false;
  readFirstBytes(
    socket,
    tellingBytes,
    (bytes) => {
      const known = Math.min(bytes.length, tellingBytes);
      isHttp2 = bytes.compare(preface, 0, known, 0, known) === 0;
      return isHttp2 && known < tellingBytes ? 'more' : 0;
    },
    (result) => {
      context.deadlines.remove(deadline);
      if (result === 'accepted') tell(isHttp2);
      else socket.destroy();
    },
  );
}
