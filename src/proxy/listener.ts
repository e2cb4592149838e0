/**
 * One listening socket of a worker. Workers share the port with SO_REUSEPORT, so the kernel spreads
 * connections and a worker that dies takes only its own with it.
 *
 * ```
 * accept ─► block list, limits ─► PROXY header? ─► limits of the address ─► TLS? ─► ClientConnection
 *             reset                 reset             reset                (deadline)   or TcpTunnel
 * ```
 *
 * Refusing comes before the handshake: a blocked address costs one accept and one close.
 */
import net, { type Socket } from 'node:net';
import { formatListenAddress, parseListenAddress } from '#config/address.ts';
import { assert } from '#core/assert.ts';
import { monotonicMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import { listenHint } from '#core/listen-hint.ts';
import { peerAddress } from './client-address.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { RefusedConnection } from './connection-metrics.ts';
import type { ProxyContext } from './context.ts';
import type { Entrance } from './entrance.ts';
import { ForwardedFields } from './forwarded-fields.ts';
import { ClientConnection } from './http1/client-connection.ts';
import { Http2Session } from './http2/session.ts';
import { sniffHttp2 } from './http2/sniff.ts';
import { limitKey } from './listener/address-rate.ts';
import { freshMs, type OpenCounts } from './listener/handshake-log.ts';
import { readProxyHeader } from './listener/read-proxy-header.ts';
import { serveRedirect } from './redirect.ts';
import { TcpTunnel } from './tcp/tcp-tunnel.ts';
import type { TlsEngine } from './tls/tls-engine.ts';
import { TlsFront } from './tls/tls-front.ts';
import type { TlsSource } from './tls/tls-source.ts';

export type ListenerKind =
  | { readonly kind: 'tls'; readonly source: TlsSource; readonly ticketKeys: Buffer }
  | { readonly kind: 'plaintext' }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'redirect'; readonly port: number };

/** Connections waiting to be accepted; the kernel caps it at net.core.somaxconn. */
const backlog = 4_096;

/** An accepted socket: its client, once that is known, and what the limits know it by. */
type Accepted = { peer: string; limitKey: string; readonly acceptedAtMs: number };

export class ProxyListener {
  readonly #index: number;
  readonly #context: ProxyContext;
  readonly #server: net.Server;
  readonly #tls: TlsFront | null;
  readonly #kind: ListenerKind;
  /** Every accepted socket, in a handshake or beyond it. */
  readonly #sockets = new Map<Socket, Accepted>();
  readonly #connections = new Set<{ drain(idleMs: number): void }>();
  /** While draining: how long a connection that was in its handshake has for its one request. */
  #drainIdleMs = 0;

  /** `index` is that in `edge.listeners`. */
  constructor(kind: ListenerKind, index: number, context: ProxyContext) {
    this.#kind = kind;
    this.#index = index;
    this.#context = context;
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: 65_536 };
    this.#server = net.createServer(options, (socket) => this.#accept(socket));
    this.#tls =
      kind.kind === 'tls'
        ? new TlsFront(kind.source, kind.ticketKeys, index, context, (secure, facts) =>
            this.#serve(secure, facts, secure.alpnProtocol === 'h2'),
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

  setTicketKeys(keys: Buffer): void {
    this.#tls?.setTicketKeys(keys);
  }

  /** Cuts connections whose peer has just been blocked. */
  cutBlocked(): void {
    for (const [socket, { peer }] of this.#sockets) {
      if (!this.#context.blockList.isBlocked(peer)) continue;
      this.#context.metrics.connections.refused.blocked.value++;
      socket.destroy();
    }
  }

  /** Adds what the open connections of these limit keys have shown; one that just came has shown nothing yet. */
  countOpen(counts: ReadonlyMap<string, OpenCounts>, nowMs: number): void {
    for (const [socket, { acceptedAtMs }] of this.#sockets) {
      const found = counts.get(limitKey(peerAddress(socket.remoteAddress ?? '')));
      if (found === undefined) continue;
      if (socket.bytesRead > 0) found.speaking++;
      else if (nowMs - acceptedAtMs < freshMs) found.fresh++;
    }
  }

  /** Stops accepting and lets connections finish; idle ones may be used once more for `idleMs`. */
  drain(idleMs: number): void {
    this.#drainIdleMs = idleMs;
    this.#server.close();
    for (const connection of this.#connections) connection.drain(idleMs);
    // A redirect is one small answer; who has not asked by now is let go.
    if (this.#kind.kind === 'redirect')
      for (const socket of this.#sockets.keys()) socket.destroySoon();
  }

  destroyAll(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  get #settings(): Entrance {
    return this.#context.snapshot.entrances[this.#index] as Entrance;
  }

  #accept(socket: Socket): void {
    const { metrics, blockList, admission, handshakes, snapshot } = this.#context;
    const peer = peerAddress(socket.remoteAddress ?? '');
    // Without an address it is gone already.
    if (peer === '' || blockList.refuses(peer)) {
      this.#refuse(socket, 'blocked');
      return;
    }
    const acceptedAtMs = monotonicMs();
    const refused = admission.accept(peer, snapshot);
    if (refused !== null) {
      handshakes?.refused(peer, acceptedAtMs);
      this.#refuse(socket, refused);
      return;
    }
    handshakes?.opened(peer, acceptedAtMs);
    const accepted: Accepted = { peer, limitKey: '', acceptedAtMs };
    metrics.connections.total.value++;
    metrics.connections.open.value++;
    this.#sockets.set(socket, accepted);
    socket.on('close', () => {
      metrics.connections.open.value--;
      admission.closed();
      admission.leave(accepted.limitKey);
      // Of the peer itself: packets are seen of it, not of whom a PROXY header names.
      if (socket.bytesRead > 0) handshakes?.spoke(peer, monotonicMs());
      this.#sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    const from = this.#settings.proxyProtocolFrom;
    if (from === null) this.#enter(socket, accepted);
    else if (from.lookup(peer) === undefined) this.#refuse(socket, 'proxy-header');
    else {
      readProxyHeader(socket, this.#context, (source) => {
        if (source === false) {
          this.#refuse(socket, 'proxy-header');
          return;
        }
        if (source !== null) accepted.peer = source;
        if (blockList.refuses(accepted.peer)) this.#refuse(socket, 'blocked');
        else this.#enter(socket, accepted);
      });
    }
  }

  /** The client is known. */
  #enter(socket: Socket, accepted: Accepted): void {
    const { admission, snapshot } = this.#context;
    const { peer } = accepted;
    const key = admission.enter(peer, snapshot);
    if (key === null) {
      this.#refuse(socket, 'address-limit');
      return;
    }
    accepted.limitKey = key;
    if (this.#tls !== null) this.#tls.begin(socket, peer);
    else {
      const { tcp, head, sniffsHttp2 } = this.#settings;
      if (tcp !== null) new TcpTunnel(socket, peer, tcp, this.#context);
      else {
        if (this.#kind.kind === 'redirect')
          serveRedirect(socket, this.#kind.port, head, this.#context);
        else if (sniffsHttp2) this.#sniff(socket, peer);
        else this.#serve(socket, plainFacts(this.#index, peer), false);
        // A PROXY header has been read off it.
        if (socket.isPaused()) socket.resume();
      }
    }
  }

  #refuse(socket: Socket, reason: RefusedConnection): void {
    this.#context.metrics.connections.refused[reason].value++;
    socket.resetAndDestroy();
  }

  #sniff(socket: Socket, peer: string): void {
    sniffHttp2(socket, this.#context, (isHttp2) => {
      this.#serve(socket, plainFacts(this.#index, peer), isHttp2);
      socket.resume();
    });
  }

  #serve(socket: Socket, facts: ConnectionFacts, isHttp2: boolean): void {
    const Connection = isHttp2 ? Http2Session : ClientConnection;
    const connection = new Connection(socket, facts, this.#context, (closed) =>
      this.#connections.delete(closed),
    );
    this.#connections.add(connection);
    if (this.#context.draining) connection.drain(this.#drainIdleMs);
  }
}

const plainFacts = (listener: number, peer: string): ConnectionFacts => ({
  listener,
  peer,
  isTls: false,
  ja4: '',
  certificate: null,
  forwarded: new ForwardedFields(peer, false),
});
