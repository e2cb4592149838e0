/** A client that speaks bytes, over TCP or any socket it is given: sends what it is told, keeps all it gets. */
import net from 'node:net';
import type { BodyLess, ReadMessage } from './http-read.ts';
import { readMessages } from './http-read.ts';

export class RawClient implements Disposable {
  readonly socket: net.Socket;
  /** Everything received, as latin1. */
  received = '';
  /** The edge has closed its sending side. */
  ended = false;
  closed = false;
  /** The code of the socket's error, for example ECONNRESET. */
  error = '';
  readonly #waiting = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    const changed = (): void => {
      for (const ask of [...this.#waiting]) ask();
    };
    socket.on('connect', changed);
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
      changed();
    });
    socket.on('end', () => {
      this.ended = true;
      changed();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.ended = true;
      this.closed = true;
      changed();
    });
  }

  /** Connects to `host:port` or `[v6]:port`; `localAddress` picks who the edge sees. */
  static async connect(address: string, localAddress?: string): Promise<RawClient> {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const socket = net.connect({
      host,
      port: Number(address.slice(colon + 1)),
      noDelay: true,
      allowHalfOpen: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const client = new RawClient(socket);
    // The edge may reset the connection before its making is seen here; `closed` says so then.
    await client.wait(() => (client.closed || !socket.connecting ? true : undefined));
    return client;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Sends in pieces cut at `offsets`, each written out before the next. */
  async sendSplit(text: string, offsets: readonly number[]): Promise<void> {
    const cuts = [0, ...[...offsets].toSorted((a, b) => a - b), text.length];
    for (let i = 1; i < cuts.length; i++) {
      const part = text.slice(cuts[i - 1], cuts[i]);
      if (part === '' || this.closed) continue;
      await new Promise<void>((resolve) =>
        this.socket.write(Buffer.from(part, 'latin1'), () => resolve()),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Closes the sending side. */
  end(): void {
    this.socket.end();
  }

  /** The first `count` final responses, once they are there. */
  responses(count: number, bodyLess?: BodyLess): Promise<readonly ReadMessage[]> {
    return this.wait(() => {
      const messages = readMessages(this.received, bodyLess).messages.filter(
        ({ first }) => !first.startsWith('HTTP/1.1 1'),
      );
      if (messages.length >= count) return messages.slice(0, count);
      if (this.ended)
        throw new Error(
          `closed after ${messages.length} of ${count} responses: ${JSON.stringify(this.received)} ${this.error}`,
        );
      return undefined;
    });
  }

  async response(bodyLess?: BodyLess): Promise<ReadMessage> {
    return (await this.responses(1, bodyLess))[0] as ReadMessage;
  }

  until(test: (received: string) => boolean): Promise<string> {
    return this.wait(() => {
      if (test(this.received)) return this.received;
      if (this.closed)
        throw new Error(`closed before: ${JSON.stringify(this.received)} ${this.error}`);
      return undefined;
    });
  }

  /** All that was received, once the edge has closed its side. */
  untilEnded(): Promise<string> {
    return this.wait(() => (this.ended ? this.received : undefined));
  }

  wait<T>(probe: () => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const ask = (): void => {
      try {
        const value = probe();
        if (value === undefined) return;
        this.#waiting.delete(ask);
        resolve(value);
      } catch (error) {
        this.#waiting.delete(ask);
        reject(error);
      }
    };
    this.#waiting.add(ask);
    ask();
    return promise;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
