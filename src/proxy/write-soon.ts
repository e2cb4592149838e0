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
/** Each as often as it was corked. */
let corked: Socket[] = [];

/** As `socket.write`: false asks to wait for `drain`. */
export function writeSoon(socket: Socket, bytes: Buffer): boolean {
  if (bytes.length > bytesMax) return socket.write(bytes);
  if (corked.push(socket) === 1) setImmediate(flush);
  socket.cork();
  return socket.write(bytes);
}

/**
 * One system call with two buffers, the second not copied: joining them would take as much memory again, and memory
 * outside of its heap is what makes V8 collect the old generation.
 */
export function writeBoth(socket: Socket, head: Buffer, body: Buffer): boolean {
  socket.cork();
  socket.write(head);
  const isWritable = socket.write(body);
  socket.uncork();
  return isWritable;
}

function flush(): void {
  const sockets = corked;
  // What is written while these go out belongs to the next turn.
  corked = [];
  for (const socket of sockets) socket.uncork();
}
