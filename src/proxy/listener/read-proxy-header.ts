/** Takes the PROXY header off the front of an accepted connection, within the time a handshake has. */
import type { Socket } from 'node:net';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ProxyContext } from '../context.ts';
import { readFirstBytes } from './first-bytes.ts';
import { parseProxyHeader, proxyHeaderBytesMax } from './proxy-header.ts';

/**
 * `done` gets the client's address, null for a connection of the balancer's own, or false when there was no
 * header in time; not called when the socket closed meanwhile. The socket is paused then.
 */
export function readProxyHeader(
  socket: Socket,
  context: ProxyContext,
  done: (source: string | null | false) => void,
): void {
  let source: string | null = null;
  let isDone = false;
  const finish = (result: string | null | false): void => {
    context.deadlines.remove(deadline);
    if (isDone || socket.destroyed) return;
    isDone = true;
    done(result);
  };
  const deadline: Expiring = {
    deadlineAt: monotonicMs() + context.snapshot.timeouts.handshakeMs,
    deadlineSlot: -1,
    onDeadline: () => finish(false),
  };
  context.deadlines.add(deadline);
  socket.on('close', () => context.deadlines.remove(deadline));
  readFirstBytes(
    socket,
    proxyHeaderBytesMax,
    (bytes) => {
      const header = parseProxyHeader(bytes);
      if (header === 'incomplete') return 'more';
      if (header === 'invalid') return 'refuse';
      source = header.source;
      return header.end;
    },
    (result) => finish(result === 'accepted' ? source : false),
  );
}
