/**
 * Lets a socket be read on after a write to it has failed.
 *
 * A server that answers early and closes without reading the rest of the request makes the kernel send a
 * reset; its answer then lies in our receive buffer, and the next write fails. Node destroys a socket
 * whose write failed, answer and all, so a client that was told "too large" would be told 502. Here the
 * error is handed over and the socket lives until its reading side has ended, which it does at once when
 * the buffer is empty.
 */
import type net from 'node:net';

type Done = (error?: Error | null) => void;

export function readOnAfterWriteError(socket: net.Socket, onError: (error: Error) => void): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  const tolerant =
    (done: Done): Done =>
    (error) => {
      if (error != null) onError(error);
      done();
    };
  socket._write = (chunk, encoding, done) => write(chunk, encoding, tolerant(done));
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, tolerant(done));
}
