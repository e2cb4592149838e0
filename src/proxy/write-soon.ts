/**
 * Small writes of one turn of the event loop go to the kernel together, when all that was ready has been
 * dealt with.
 *
 * ```
 * poll: data ─► response ┐     check: write, write, write
 *       data ─► request  ├─►
 *       data ─► response ┘
 * ```
 *
 * The kernel wakes whoever waits for a socket when something is written to it. Written one by one between
 * other work, each wakes its reader, which is done and asleep again before the next comes; written in a row,
 * the first wakes it and the rest are found. Waking another core is dearer than the write itself.
 *
 * Corking keeps all a stream promises: order, back-pressure, and that an end comes after what was written.
 */
import type { Socket } from 'node:net';

/** What is larger is worth its own wake-up, and would only wait in memory. */
const bytesMax = 16_384;
const corked: Socket[] = [];

/** As `socket.write`: false asks to wait for `drain`. */
export function writeSoon(socket: Socket, bytes: Buffer): boolean {
  if (bytes.length > bytesMax) return socket.write(bytes);
  if (corked.length === 0) setImmediate(flush);
  corked.push(socket);
  socket.cork();
  return socket.write(bytes);
}

function flush(): void {
  // Uncorking can call back, and what is written then belongs to the next turn.
  const { length } = corked;
  for (let i = 0; i < length; i++) (corked[i] as Socket).uncork();
  if (corked.length === length) corked.length = 0;
  else {
    corked.splice(0, length);
    setImmediate(flush);
  }
}
