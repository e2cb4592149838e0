/**
 * What clients send, read into one buffer of the worker and copied out of it.
 *
 * A socket that connects can be given a buffer to read into (`onread`). One that is accepted cannot: each read makes
 * memory of its own, which then goes through a stream. Beneath both are the same, so an accepted socket is given
 * a buffer here, in the way a connecting one gets it (`docs/decisions/shared-reads.md`).
 *
 * Node has no public name for that. The runtime is pinned by the lockfile; one that does it in another way is
 * refused when a worker starts.
 */
import { Socket } from 'node:net';
import { assert } from '#core/assert.ts';

/** The largest read; node:net asks for as much. */
const shared = Buffer.allocUnsafeSlow(65_536);
const fields = fieldsOfOnRead();
/**
 * Heads are cut from slabs of so many bytes. A request that takes long keeps the slab of its head: larger ones are
 * no faster, and dearer with thousands that wait for an event.
 */
const slabBytes = 8_192;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let used = 0;

type ReadingSocket = {
  /** None once it is closed. */
  readonly _handle: { useUserBuffer(buffer: Buffer): void } | null | undefined;
  [field: symbol]: unknown;
};

/**
 * `onBytes` gets what the socket reads, each time in memory of its own. Pausing, resuming and the socket's events
 * are as ever; so is the reading of one from which bytes have been put back.
 */
export function readShared(socket: Socket, onBytes: (bytes: Buffer) => void): void {
  // For what was put back.
  socket.on('data', onBytes);
  const reading = socket as unknown as ReadingSocket;
  // Read past the stream it would overtake what is in there.
  if (socket.readableLength > 0 || !reading._handle) return;
  reading[fields.buffer] = shared;
  reading[fields.callback] = (size: number): boolean => {
    const bytes = room(size);
    shared.copy(bytes, 0, 0, size);
    // node:tls hands on all that it has opened, paused or not.
    if (socket.readableLength > 0 || socket.isPaused()) socket.push(bytes);
    else onBytes(bytes);
    return true;
  };
  reading._handle.useUserBuffer(shared);
}

function room(size: number): Buffer {
  if (size > slabBytes / 2) return Buffer.allocUnsafeSlow(size);
  if (used + size > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    used = 0;
  }
  const bytes = slab.subarray(used, used + size);
  used += size;
  return bytes;
}

/** Where node:net keeps the two for a socket that was given them. */
function fieldsOfOnRead(): { readonly buffer: symbol; readonly callback: symbol } {
  const callback = () => true;
  const made = new Socket({ onread: { buffer: shared, callback } });
  const known = made as unknown as ReadingSocket;
  const symbols = Object.getOwnPropertySymbols(made);
  const buffer = symbols.find((symbol) => known[symbol] === shared);
  const called = symbols.find((symbol) => known[symbol] === callback);
  made.destroy();
  assert(
    buffer !== undefined && called !== undefined,
    `this Node.js (${process.version}) keeps the buffer of a reading socket elsewhere: use the one that npm installs`,
  );
  return { buffer, callback: called };
}
