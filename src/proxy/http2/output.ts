/**
 * What a session has to say, gathered: frames of all its streams go into shared chunks, and one write
 * hands them to the socket when the event loop has gone round once. A TLS record and a system call then
 * carry the answers of many streams.
 *
 * Chunks come from a pool of the worker and go back when the socket has taken their bytes, so an idle
 * session holds none.
 */
import type { Socket } from 'node:net';

/** Holds the largest frame with room to spare. */
const chunkBytes = 32_768;
/** Free chunks kept by a worker. */
const freeMax = 128;
/** Gathered beyond this the write happens at once. */
const gatherBytesMax = 131_072;

const free: Buffer[] = [];
/** Outputs that have something to write when the loop has gone round. */
let dirty: Output[] = [];

export class Output {
  /** The chunk being filled, and where the next byte goes; `reserve` sees to the room. */
  chunk: Buffer = noBytes;
  at = 0;
  /** The socket has asked for a pause: until its drain only what must be said is said. */
  isBlocked = false;
  readonly #socket: Socket;
  readonly #onBlocked: () => void;
  #full: { readonly chunk: Buffer; readonly end: number }[] = [];
  #isDirty = false;

  constructor(socket: Socket, onBlocked: () => void) {
    this.#socket = socket;
    this.#onBlocked = onBlocked;
  }

  /** Room for `size` bytes at `at` in `chunk`. */
  reserve(size: number): void {
    if (this.at + size > this.chunk.length) {
      if (this.at > 0) this.#full.push({ chunk: this.chunk, end: this.at });
      this.chunk = free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
      this.at = 0;
      if (this.#full.length * chunkBytes >= gatherBytesMax) this.#writeFull();
    }
    if (this.#isDirty) return;
    this.#isDirty = true;
    if (dirty.push(this) === 1) setImmediate(flushAll);
  }

  flush(): void {
    if (this.#socket.destroyed) {
      this.release();
      return;
    }
    if (this.#full.length > 0) this.#writeFull();
    const { chunk, at } = this;
    this.chunk = noBytes;
    this.at = 0;
    if (at > 0) this.#write(chunk, at);
  }

  #writeFull(): void {
    const full = this.#full;
    this.#full = [];
    this.#socket.cork();
    for (const { chunk, end } of full) this.#write(chunk, end);
    this.#socket.uncork();
  }

  release(): void {
    this.#full = [];
    this.chunk = noBytes;
    this.at = 0;
  }

  clearDirty(): void {
    this.#isDirty = false;
  }

  #write(chunk: Buffer, end: number): void {
    const writable = this.#socket.write(chunk.subarray(0, end), (error) => {
      // After an error the socket may still hold the bytes.
      if (error === null || error === undefined) giveChunk(chunk);
    });
    if (writable || this.isBlocked) return;
    this.isBlocked = true;
    this.#onBlocked();
  }
}

function giveChunk(chunk: Buffer): void {
  if (free.length < freeMax) free.push(chunk);
}

function flushAll(): void {
  const outputs = dirty;
  dirty = [];
  for (const output of outputs) {
    output.clearDirty();
    output.flush();
  }
}

const noBytes = Buffer.alloc(0);
