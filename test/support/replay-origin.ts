/**
 * The origin of a replay: keeps its connections, records what each is sent, answers every whole request
 * with that request's own target, so that an answer that reaches the wrong client shows as well.
 */
import { once } from 'node:events';
import net from 'node:net';
import { type ReadMessage, readMessages } from './http-read.ts';

type Recorded = { readonly requests: ReadMessage[]; begun: number; readonly unclean: string[] };

export class ReplayOrigin implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Map<net.Socket, string>();
  #recorded: Recorded = { requests: [], begun: 0, unclean: [] };

  private constructor() {
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(): Promise<ReplayOrigin> {
    const origin = new ReplayOrigin();
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** What came since the last call. A request that is still open counts as begun. */
  take(): Recorded {
    const taken = this.#recorded;
    this.#recorded = { requests: [], begun: 0, unclean: [] };
    for (const rest of this.#sockets.values()) if (rest !== '') taken.begun++;
    return taken;
  }

  #serve(socket: net.Socket): void {
    this.#sockets.set(socket, '');
    socket.on('data', (bytes: Buffer) => {
      try {
        const { messages, rest } = readMessages(
          `${this.#sockets.get(socket)}${bytes.toString('latin1')}`,
        );
        this.#sockets.set(socket, rest);
        for (const message of messages) {
          this.#recorded.requests.push(message);
          const [method = '', target = ''] = message.first.split(' ');
          socket.write(
            `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${method === 'HEAD' ? '' : target}`,
            'latin1',
          );
        }
      } catch (error) {
        this.#recorded.unclean.push((error as Error).message);
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#sockets.get(socket) !== '') this.#recorded.begun++;
      this.#sockets.delete(socket);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
