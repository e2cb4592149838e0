/** A stream over a socket that writes one byte at a time, each its own packet. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export function dribble(socket: Socket): Duplex {
  const duplex = new Duplex({
    read: () => {
      socket.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      const next = (at: number): void => {
        if (at === chunk.length) done();
        else socket.write(chunk.subarray(at, at + 1), () => setImmediate(next, at + 1));
      };
      next(0);
    },
    final: (done) => {
      socket.end();
      done();
    },
  });
  socket.on('data', (bytes: Buffer) => {
    if (!duplex.push(bytes)) socket.pause();
  });
  socket.on('end', () => duplex.push(null));
  return duplex;
}
