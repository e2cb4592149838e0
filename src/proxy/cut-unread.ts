/**
 * Ends a connection whose client does not read what it was sent.
 *
 * After a close the kernel keeps the unread bytes, megabytes a connection, for as long as the client goes on
 * acknowledging with a window of nothing; a thousand such clients use up the memory of all of TCP (measured
 * by `bench/macro/slow`). A reset drops them at once. Over TLS Node offers no reset: there it is a close.
 */
import type { Socket } from 'node:net';

export function cutUnread(socket: Socket, isTls: boolean): void {
  if (isTls) socket.destroy();
  else socket.resetAndDestroy();
}
