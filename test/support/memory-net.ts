/**
 * `node:net` without a kernel: listeners and connections that live in this thread, so that the whole data
 * plane runs as shipped at the speed of its own code. Bytes are delivered in the order and the pieces the
 * test chooses, and one turn of the event loop settles all that follows from them.
 *
 * Replaces the module for the thread: only for processes and workers that do nothing else.
 */
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { Duplex } from 'node:stream';

type OnRead = {
  readonly buffer: Uint8Array;
  readonly callback: (size: number, buffer: Uint8Array) => boolean;
};

/** The product's end of a connection. The test's end is `deliver` on this side and `onBytes` on the other. */
export class MemorySocket extends Duplex {
  readonly remoteAddress = '192.0.2.7';
  readonly remotePort = 40_000;
  readonly localAddress = '192.0.2.1';
  readonly localPort = 80;
  connecting = false;
  /** What the product writes. */
  onBytes: (bytes: Buffer) => void = () => {};
  /** The product ended its side. */
  onFinished: () => void = () => {};
  readonly #onRead: OnRead | undefined;
  #held: Buffer[] = [];
  #isHeld = false;

  constructor(onRead?: OnRead) {
    super({ allowHalfOpen: true, highWaterMark: 65_536 });
    this.#onRead = onRead;
  }

  /** Bytes from the other side. */
  deliver(bytes: Buffer): void {
    if (this.destroyed) return;
    const onRead = this.#onRead;
    if (onRead === undefined) {
      this.push(bytes);
      return;
    }
    if (this.#isHeld) {
      this.#held.push(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += onRead.buffer.length) {
      const size = bytes.copy(onRead.buffer, 0, at);
      onRead.callback(size, onRead.buffer);
    }
  }

  /** The other side has ended. */
  deliverEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.onBytes(chunk);
    done();
  }

  override _final(done: (error?: Error) => void): void {
    this.onFinished();
    done();
  }

  override pause(): this {
    if (this.#onRead === undefined) return super.pause();
    this.#isHeld = true;
    return this;
  }

  override resume(): this {
    if (this.#onRead === undefined) return super.resume();
    this.#isHeld = false;
    for (const bytes of this.#held.splice(0)) this.deliver(bytes);
    return this;
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else {
      this.once('finish', () => this.destroy());
      this.end();
    }
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

class MemoryServer extends EventEmitter {
  listening = false;

  listen(...parameters: readonly unknown[]): this {
    this.listening = true;
    const done = parameters.find((one) => typeof one === 'function') as (() => void) | undefined;
    process.nextTick(() => {
      done?.();
      this.emit('listening');
    });
    return this;
  }

  address(): net.AddressInfo {
    return { address: '127.0.0.1', family: 'IPv4', port: 80 };
  }

  close(done?: () => void): this {
    this.listening = false;
    process.nextTick(() => {
      done?.();
      this.emit('close');
    });
    return this;
  }
}

export type MemoryNet = {
  /** A connection to the first listener that was made. */
  connect(): MemorySocket;
};

/** `onUpstream` gets the product's end of each connection it makes. */
export function installMemoryNet(onUpstream: (socket: MemorySocket) => void): MemoryNet {
  const servers: MemoryServer[] = [];
  const createServer = (...parameters: readonly unknown[]): MemoryServer => {
    const server = new MemoryServer();
    const accept = parameters.find((one) => typeof one === 'function');
    if (accept !== undefined) server.on('connection', accept as (socket: MemorySocket) => void);
    servers.push(server);
    return server;
  };
  const connect = (options: { readonly onread?: OnRead }): MemorySocket => {
    const socket = new MemorySocket(options.onread);
    socket.connecting = true;
    process.nextTick(() => {
      socket.connecting = false;
      socket.emit('connect');
    });
    onUpstream(socket);
    return socket;
  };
  Object.assign(net, { createServer, connect, createConnection: connect });
  syncBuiltinESMExports();
  return {
    connect: () => {
      const socket = new MemorySocket();
      servers[0]?.emit('connection', socket);
      return socket;
    },
  };
}
