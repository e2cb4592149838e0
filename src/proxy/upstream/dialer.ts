/**
 * Makes sockets to one server: TCP, TLS or a Unix socket, each as the upstream's settings say. Requests
 * and checks both dial here, so a check sees the server as a request does.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { UpstreamTls } from '#config/upstream-schema.ts';
import type { UpstreamUrl } from '#config/upstream-url.ts';

export type ServerAddress = Extract<UpstreamUrl, { readonly ok: true }>;

/** `upstreams.NAME.tls` with the files read. */
export type TlsMaterial = Pick<UpstreamTls, 'serverName' | 'verify' | 'minVersion'> & {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
};

type OnRead = NonNullable<net.SocketConstructorOpts['onread']>;

export class Dialer {
  readonly address: ServerAddress;
  readonly #alpn: 'h2' | 'http/1.1';
  readonly #material: TlsMaterial | null;
  readonly #context: tls.SecureContext | null;
  /** The last ticket: a new connection then costs no certificates and no signature. */
  #session: Buffer | null = null;

  /** Throws where the material cannot be used, before anything is dialled. */
  constructor(address: ServerAddress, material: TlsMaterial | null, alpn: 'h2' | 'http/1.1') {
    this.address = address;
    this.#alpn = alpn;
    this.#material = material;
    this.#context = address.isTls
      ? tls.createSecureContext({
          minVersion: `TLSv${material?.minVersion ?? '1.2'}`,
          ...(material?.ca == null ? {} : { ca: material.ca }),
          ...(material?.cert == null ? {} : { cert: material.cert }),
          ...(material?.key == null ? {} : { key: material.key }),
        })
      : null;
  }

  /** The event after which the socket can be trusted with a request. */
  get readyEvent(): 'connect' | 'secureConnect' {
    return this.address.isTls ? 'secureConnect' : 'connect';
  }

  dial(onread: OnRead | null): net.Socket {
    const { address } = this;
    const options = {
      noDelay: true,
      // One side of a tunnel may end before the other; HTTP/2 has its own way of ending.
      allowHalfOpen: this.#alpn === 'http/1.1',
      ...(onread === null ? {} : { onread }),
    };
    if (address.kind === 'unix') return net.connect({ path: address.path, ...options });
    const { host, port } = address;
    return this.#context === null
      ? net.connect({ host, port, ...options })
      : this.#dialTls(host, port, this.#context, options);
  }

  #dialTls(
    host: string,
    port: number,
    secureContext: tls.SecureContext,
    options: { readonly allowHalfOpen: boolean },
  ): tls.TLSSocket {
    const name = this.#material?.serverName ?? host;
    const socket = tls.connect({
      host,
      port,
      secureContext,
      ALPNProtocols: [this.#alpn],
      rejectUnauthorized: this.#material?.verify ?? true,
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
      // An address is no name a client may ask for (RFC 6066 section 3).
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      ...(this.#session === null ? {} : { session: this.#session }),
      ...options,
    });
    let isReady = false;
    socket.on('session', (session: Buffer) => {
      this.#session = session;
    });
    socket.once('secureConnect', () => {
      isReady = true;
    });
    // A server that changed its mind about tickets must not refuse every connection from now on.
    socket.once('close', () => {
      if (!isReady) this.#session = null;
    });
    return socket;
  }
}

/** Why a secure socket cannot carry HTTP/2, or an empty text. */
export function refusesHttp2(socket: net.Socket): string {
  return socket instanceof tls.TLSSocket && socket.alpnProtocol !== 'h2'
    ? 'upstream did not agree to HTTP/2 (ALPN h2)'
    : '';
}
