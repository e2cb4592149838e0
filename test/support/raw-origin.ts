/**
 * An origin that speaks bytes: it records what each connection sends, exactly as it came, and answers
 * what the test tells it to. A lenient HTTP parser here would hide what the edge lets through.
 */
import { once } from 'node:events';
import net from 'node:net';
import { readMessages } from './http-read.ts';

export const plainAnswer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

export class OriginConnection {
  readonly socket: net.Socket;
  /** Everything received, as latin1. */
  received = '';
  ended = false;
  readonly #origin: RawOrigin;

  constructor(socket: net.Socket, origin: RawOrigin) {
    this.socket = socket;
    this.#origin = origin;
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
      origin.changed();
    });
    socket.on('end', () => {
      this.ended = true;
      origin.changed();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.ended = true;
      origin.changed();
    });
  }

  /** Waits until the bytes received satisfy `test`. */
  until(test: (received: string) => boolean): Promise<string> {
    return this.#origin.wait(() => (test(this.received) ? this.received : undefined));
  }

  /** Waits until the edge has closed its side. */
  untilEnded(): Promise<void> {
    return this.#origin.wait(() => (this.ended ? true : undefined)).then(() => {});
  }

  write(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }
}

export class RawOrigin implements AsyncDisposable {
  readonly connections: OriginConnection[] = [];
  readonly #server: net.Server;
  readonly #waiting = new Set<() => void>();

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** `onConnection` may answer by itself; by default nothing is answered until the test does. */
  static async start(
    onConnection: (connection: OriginConnection) => void = () => {},
  ): Promise<RawOrigin> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    const origin = new RawOrigin(server);
    server.on('connection', (socket) => {
      const connection = new OriginConnection(socket, origin);
      origin.connections.push(connection);
      onConnection(connection);
      origin.changed();
    });
    // Tests open a thousand connections at once, from a process that is busy with their clients.
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    await once(server, 'listening');
    return origin;
  }

  /** Answers each whole request with what `answer` gives for it, in order. */
  static answering(
    answer: string | ((request: string, index: number) => string),
  ): Promise<RawOrigin> {
    return RawOrigin.start((connection) => {
      let answered = 0;
      connection.socket.on('data', () => {
        const { messages } = readMessages(connection.received);
        while (answered < messages.length) {
          const { raw } = messages[answered] as (typeof messages)[number];
          connection.write(typeof answer === 'string' ? answer : answer(raw, answered));
          answered++;
        }
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** All bytes received, connection after connection. */
  get received(): string {
    return this.connections.map(({ received }) => received).join('');
  }

  connection(index: number): Promise<OriginConnection> {
    return this.wait(() => this.connections[index]);
  }

  /** Resolves with the first value `probe` gives, asked again after each event. */
  wait<T>(probe: () => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const ask = (): void => {
      const value = probe();
      if (value === undefined) return;
      this.#waiting.delete(ask);
      resolve(value);
    };
    this.#waiting.add(ask);
    ask();
    return promise;
  }

  changed(): void {
    for (const ask of [...this.#waiting]) ask();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}
