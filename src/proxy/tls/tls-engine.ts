/**
 * Makes TLS connections out of accepted sockets for one listener, with one set of certificates and
 * settings.
 *
 * An engine never changes: other certificates or settings are another engine, built while this one
 * serves, so a key that does not fit fails the reload and nothing else. Handshakes and connections of the
 * old one go on as they are.
 *
 * Sessions can be resumed in every worker, because all have the same ticket keys, but only with a
 * listener that would have made the same demand: the session id context holds the client certificate
 * settings, so a ticket from a listener that asks for none opens nothing on one that does (RFC 8446
 * section 4.6.1 leaves that to the server; CVE-2025-23419 is nginx forgetting it).
 */
import { constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { CertificateStore } from './certificate-store.ts';
import type { TlsSource } from './tls-source.ts';

export interface TlsEvents {
  onSecure(socket: tls.TLSSocket, engine: TlsEngine): void;
  onFailure(error: NodeJS.ErrnoException, socket: tls.TLSSocket): void;
}

type ChooseContext = (error: null, context: tls.SecureContext | undefined) => void;

/** Handshakes have the listener's own deadline; Node's is the far one behind it. */
const handshakeTimeoutMs = 86_400_000;

export class TlsEngine {
  readonly store: CertificateStore;
  readonly asksForCertificates: boolean;
  /** A connection without a valid certificate must go no further. */
  readonly demandsCertificates: boolean;
  /** Names whose certificate is still to come. */
  readonly #awaited: ReadonlySet<string>;
  readonly #server: tls.Server;

  /** Throws what OpenSSL does not take: a key that is not the certificate's, a cipher it does not know. */
  constructor(source: TlsSource, ticketKeys: Buffer, events: TlsEvents) {
    const { settings, certificates, clientAuthorities } = source;
    const { mode } = settings.clientCertificates;
    this.asksForCertificates = mode !== 'off';
    this.demandsCertificates = mode === 'required';
    const shared: tls.SecureContextOptions = {
      minVersion: `TLSv${settings.minVersion}`,
      maxVersion: `TLSv${settings.maxVersion}`,
      ciphers: settings.ciphers.join(':'),
      ecdhCurve: settings.curves.join(':'),
      honorCipherOrder: true,
      // A client that renegotiates costs us a handshake each time and gains nothing (CVE-2011-1473).
      secureOptions:
        constants.SSL_OP_NO_RENEGOTIATION |
        (settings.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
      sessionIdContext: createHash('sha256')
        .update(JSON.stringify([mode, clientAuthorities]))
        .digest('hex')
        .slice(0, 32),
      ...(clientAuthorities === null ? {} : { ca: clientAuthorities }),
    };
    this.#awaited = new Set(source.awaited);
    this.store = new CertificateStore(certificates, shared);
    const first = certificates[0];
    this.#server = tls.createServer({
      ...shared,
      ...(first === undefined ? {} : { cert: first.cert, key: first.key }),
      // With one certificate there is nothing to choose, and OpenSSL need not stop in the middle to ask.
      ...(certificates.length > 1 && {
        SNICallback: (name: string, done: ChooseContext) =>
          done(null, this.store.select(name) ?? undefined),
      }),
      ALPNProtocols: [...source.protocols],
      requestCert: mode !== 'off',
      // Node would close a connection it rejects without saying why; `demandsCertificates` is the front's.
      rejectUnauthorized: false,
      ticketKeys,
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
      noDelay: true,
    });
    if (this.store.hasStaples) {
      this.#server.on('OCSPRequest', (leaf, _issuer, done) => done(null, this.store.staple(leaf)));
    }
    this.#server.on('secureConnection', (socket) => events.onSecure(socket, this));
    this.#server.on('tlsClientError', (error, socket) => events.onFailure(error, socket));
  }

  /** Whether who asks for this name is refused for now: its certificate is to come, and no other has it. */
  isAwaited(serverName: string): boolean {
    if (this.#awaited.size === 0) return false;
    return this.#awaited.has(serverName.toLowerCase()) && this.store.select(serverName) === null;
  }

  /** `socket` may hold bytes that were read ahead and put back. */
  handshake(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Tickets made with other keys are taken for none: their clients make a full handshake. */
  setTicketKeys(keys: Buffer): void {
    this.#server.setTicketKeys(keys);
  }
}
