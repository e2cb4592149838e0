/**
 * The handshakes of TLS-ALPN-01 (RFC 8737): protocol `acme-tls/1`, the challenge certificate of the name
 * asked for, and not a byte of data.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { AcmeChallenges } from '../acme-challenges.ts';

export const acmeProtocol = 'acme-tls/1';
/** Section 3: the connection closes when the handshake is done; who asked has this long to do it. */
const closeMs = 2_000;
/** Handshakes have the listener's own deadline; Node's is the far one behind it. */
const handshakeTimeoutMs = 86_400_000;

export interface AcmeEvents {
  onSecure(socket: tls.TLSSocket): void;
  onFailure(error: NodeJS.ErrnoException, socket: tls.TLSSocket): void;
}

export class AcmeHandshakes {
  readonly #server: tls.Server;

  constructor(challenges: AcmeChallenges, events: AcmeEvents) {
    this.#server = tls.createServer({
      ALPNProtocols: [acmeProtocol],
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
      SNICallback: (name, done) => {
        const context = challenges.tlsContext(name);
        if (context === null) done(new Error(`no challenge is live for ${name}`));
        else done(null, context);
      },
    });
    this.#server.on('secureConnection', (socket) => {
      events.onSecure(socket);
      // Not of inactivity: one that keeps sending would stay.
      const timer = setTimeout(() => socket.destroy(), closeMs);
      socket.on('close', () => clearTimeout(timer));
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end();
    });
    this.#server.on('tlsClientError', (error, socket) => events.onFailure(error, socket));
  }

  /** `socket` holds the hello, put back. */
  handshake(socket: Socket): void {
    this.#server.emit('connection', socket);
  }
}
