/**
 * Clients that take their time, many from one process: a head, a body, or the reading of an answer that
 * never comes to its end. Each goes on for as long as it is let.
 */
import { once } from 'node:events';
import net from 'node:net';

export type SlowKind = 'head' | 'body' | 'read';

export type SlowClient = {
  readonly socket: net.Socket;
  /** What came, as far as it was read. */
  received: string;
  receivedBytes: number;
  closed: boolean;
};

const begun: Readonly<Record<SlowKind, string>> = {
  head: 'GET /slow HTTP/1.1\r\nHost: edge.test\r\n',
  body: 'POST /slow HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 100000\r\n\r\n',
  read: 'GET /large HTTP/1.1\r\nHost: edge.test\r\n\r\n',
};
const trickle: Readonly<Record<SlowKind, string>> = { head: 'X-A: b\r\n', body: 'x', read: '' };
/** Connections made at a time: the accept queue is not what is tested. */
const connectingMax = 100;

export class SlowClients implements Disposable {
  readonly clients: SlowClient[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #kind: SlowKind;

  private constructor(kind: SlowKind, trickleMs: number) {
    this.#kind = kind;
    this.#timer = setInterval(() => {
      if (trickle[kind] === '') return;
      for (const { socket, closed } of this.clients)
        if (!closed && socket.writable) socket.write(trickle[kind]);
    }, trickleMs);
  }

  static async start(
    kind: SlowKind,
    count: number,
    port: number,
    trickleMs: number,
  ): Promise<SlowClients> {
    const all = new SlowClients(kind, trickleMs);
    while (all.clients.length < count) {
      const many = Math.min(connectingMax, count - all.clients.length);
      await Promise.all(Array.from({ length: many }, () => all.#open(port)));
    }
    return all;
  }

  /** Reads whatever is there, so that the ends of connections show. */
  async untilClosed(): Promise<void> {
    for (const { socket } of this.clients) socket.resume();
    await Promise.all(
      this.clients
        .filter(({ closed }) => !closed)
        .map(({ socket }) => new Promise((resolve) => socket.once('close', resolve))),
    );
  }

  async #open(port: number): Promise<void> {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    const client: SlowClient = { socket, received: '', receivedBytes: 0, closed: false };
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      client.closed = true;
    });
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    socket.write(begun[this.#kind]);
    // Only now: the trickle goes on from where this began.
    this.clients.push(client);
    socket.on('data', (bytes: Buffer) => {
      client.receivedBytes += bytes.length;
      if (client.received.length < 4_096) client.received += bytes.toString('latin1');
    });
    if (this.#kind === 'read') socket.pause();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { socket } of this.clients) socket.destroy();
  }
}
