/**
 * One listening socket of a worker. Workers share the port with SO_REUSEPORT, so the kernel spreads
 * connections and a worker that dies takes only its own with it.
 *
 * ```
 * accept ─► block list ─► connection limit ─► TLS handshake ─► ClientConnection
 *             closed          closed            (deadline)
 * ```
 *
 * Refusing comes before the handshake: a blocked address costs one accept and one close.
 */
import net from 'node:net';
import { formatListenAddress, parseListenAddress } from '#config/address.ts';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { listenHint } from '#core/listen-hint.ts';
import { peerAddress } from './client-address.ts';
import type { ProxyContext } from './context.ts';
import { ClientConnection } from './http1/client-connection.ts';
import { serveRedirect } from './redirect.ts';
import type { TlsEngine } from './tls/tls-engine.ts';
import { TlsFront } from './tls/tls-front.ts';
import type { TlsSource } from './tls/tls-source.ts';

export type ListenerKind =
  | { readonly kind: 'tls'; readonly source: TlsSource; readonly ticketKeys: Buffer }
  | { readonly kind: 'plaintext' }
  | { readonly kind: 'redirect'; readonly port: number };

/** Connections waiting to be accepted; the kernel caps it at net.core.somaxconn. */
const backlog = 4_096;

export class ProxyListener {
  readonly #context: ProxyContext;
  readonly #connectionsMax: () => number;
  readonly #server: net.Server;
  readonly #tls: TlsFront | null;
  readonly #kind: ListenerKind;
  readonly #index: number;
  /** Every accepted socket, in a handshake or beyond it. */
  readonly #sockets = new Map<net.Socket, string>();
  readonly #connections = new Set<ClientConnection>();

  constructor(
    kind: ListenerKind,
    index: number,
    context: ProxyContext,
    connectionsMax: () => number,
  ) {
    this.#kind = kind;
    this.#index = index;
    this.#context = context;
    this.#connectionsMax = connectionsMax;
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: 65_536 };
    this.#server = net.createServer(options, (socket) => this.#accept(socket));
    this.#tls =
      kind.kind === 'tls'
        ? new TlsFront(kind.source, kind.ticketKeys, context, (secure, peer) =>
            this.#serve(secure, peer, true),
          )
        : null;
  }

  /** Listens on a socket bound before, or binds one; the promise gives the address bound. */
  listen(address: string, descriptor: number | null): Promise<string> {
    const parsed = parseListenAddress(address);
    assert(parsed !== null, 'the configuration check has refused other addresses');
    const { host, port } = parsed;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          new WeirError(
            'LISTEN_FAILED',
            `cannot listen on ${address}: ${listenHint(error.code ?? error.message)}`,
            {
              cause: error,
            },
          ),
        );
      });
      // An IPv6 address is IPv6 only, so that 0.0.0.0 and [::] stand beside each other.
      const where =
        descriptor === null
          ? { host, port, backlog, reusePort: true, ipv6Only: true }
          : { fd: descriptor, backlog };
      this.#server.listen(where, () => {
        const bound = this.#server.address() as net.AddressInfo;
        resolve(formatListenAddress({ host: bound.address, port: bound.port }));
      });
    });
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  /** Null for a listener without TLS. */
  prepareTls(source: TlsSource, ticketKeys: Buffer): TlsEngine | null {
    return this.#tls?.prepare(source, ticketKeys) ?? null;
  }

  /** New handshakes are the new engine's; connections that stand are not touched. */
  commitTls(engine: TlsEngine): void {
    this.#tls?.commit(engine);
  }

  /** Cuts connections whose peer has just been blocked. */
  cutBlocked(): void {
    for (const [socket, peer] of this.#sockets) {
      if (!this.#context.blockList.isBlocked(peer)) continue;
      this.#context.metrics.connectionsRefused.blocked.value++;
      socket.destroy();
    }
  }

  /** Stops accepting and lets connections finish; idle ones may be used once more for `idleMs`. */
  drain(idleMs: number): void {
    this.#server.close();
    for (const connection of this.#connections) connection.drain(idleMs);
    // A redirect is one small answer; who has not asked by now is let go.
    if (this.#kind.kind === 'redirect')
      for (const socket of this.#sockets.keys()) socket.destroySoon();
  }

  destroyAll(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #accept(socket: net.Socket): void {
    const { metrics, blockList } = this.#context;
    const peer = peerAddress(socket.remoteAddress ?? '');
    if (peer === '' || blockList.isBlocked(peer)) {
      metrics.connectionsRefused.blocked.value++;
      socket.resetAndDestroy();
      return;
    }
    if (metrics.connectionsOpen.value >= this.#connectionsMax()) {
      metrics.connectionsRefused.limit.value++;
      socket.resetAndDestroy();
      return;
    }
    metrics.connectionsTotal.value++;
    metrics.connectionsOpen.value++;
    this.#sockets.set(socket, peer);
    socket.on('close', () => {
      metrics.connectionsOpen.value--;
      this.#sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    if (this.#tls !== null) this.#tls.begin(socket, peer);
    else if (this.#kind.kind === 'redirect') serveRedirect(socket, this.#kind.port, this.#context);
    else this.#serve(socket, peer, false);
  }

  #serve(socket: net.Socket, peer: string, isTls: boolean): void {
    const connection = new ClientConnection(
      socket,
      peer,
      isTls,
      this.#index,
      this.#context,
      (closed) => this.#connections.delete(closed),
    );
    this.#connections.add(connection);
    if (this.#context.draining) connection.drain(0);
  }
}
