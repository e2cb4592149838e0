/** What stands where the workers would: answers challenges as the board publishes them, and nothing else. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { ChallengeBoard, type LiveChallenges, noChallenges } from '#acme/challenge-board.ts';

export class AcmeResponder implements AsyncDisposable {
  readonly board: ChallengeBoard;
  live: LiveChallenges = noChallenges;
  /** What the workers wait for before they confirm. */
  held: Promise<void> = Promise.resolve();
  /** Each set that was published, in order. */
  readonly published: LiveChallenges[] = [];
  readonly #http = createHttpServer((request, response) => {
    const token = request.url?.replace('/.well-known/acme-challenge/', '');
    const found = this.live.http.find((one) => one.token === token);
    response.statusCode = found === undefined ? 404 : 200;
    response.end(found?.keyAuthorization);
  });
  readonly #tls = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback: (name, done) => {
      const found = this.live.tls.find((one) => one.name === name);
      if (found === undefined) done(new Error('no challenge'));
      else done(null, createSecureContext({ cert: found.certificate, key: found.privateKey }));
    },
  });

  constructor() {
    this.#tls.on('secureConnection', (socket) => socket.resume().end());
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
    this.board = new ChallengeBoard(async (live) => {
      this.published.push(live);
      await this.held;
      this.live = live;
    });
  }

  static async start(): Promise<AcmeResponder> {
    const made = new AcmeResponder();
    made.#http.listen(0, '127.0.0.1');
    made.#tls.listen(0, '127.0.0.1');
    await Promise.all([once(made.#http, 'listening'), once(made.#tls, 'listening')]);
    return made;
  }

  get ports(): { httpPort: number; tlsPort: number } {
    return {
      httpPort: (this.#http.address() as AddressInfo).port,
      tlsPort: (this.#tls.address() as AddressInfo).port,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    this.#tls.close();
    await Promise.all([once(this.#http, 'close'), once(this.#tls, 'close')]);
  }
}
