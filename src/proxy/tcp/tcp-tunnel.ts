/**
 * A client's TCP connection passed through to an upstream server, byte for byte.
 *
 * ```
 * client ◄─► (at most one buffer each way) ◄─► server
 * ```
 *
 * Who does not take its bytes makes the other one wait: reading stops while a write has not been taken, so
 * that in each direction no more waits than the socket's buffer (64 KB) and what one read gave beyond it.
 * Each side may close its half and still read the other's. A server that cannot be reached is passed over
 * for the next one, as long as nothing of the connection has been sent.
 */
import type { Socket } from 'node:net';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ProxyContext } from '../context.ts';
import type { CompiledTcp } from '../entrance.ts';
import { encodeProxyHeader } from '../listener/encode-proxy-header.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Servers tried for one connection, the first included. */
const attemptsMax = 3;

export class TcpTunnel implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #client: Socket;
  readonly #peer: string;
  readonly #settings: CompiledTcp;
  readonly #context: ProxyContext;
  readonly #tried: UpstreamServer[] = [];
  #server: Socket | null = null;
  /** What the breaker knows this connection by. */
  #token = 0;
  #connected = false;
  #isJudged = false;
  #closed = false;

  constructor(client: Socket, peer: string, settings: CompiledTcp, context: ProxyContext) {
    this.#client = client;
    this.#peer = peer;
    this.#settings = settings;
    this.#context = context;
    context.metrics.connections.tcpOpen.value++;
    context.deadlines.add(this);
    // Nothing is read until there is somewhere to write it.
    client.pause();
    client.on('data', (bytes: Buffer) => this.#onClientData(bytes));
    client.on('end', () => this.#server?.end());
    client.on('drain', () => this.#server?.resume());
    client.on('close', () => this.#close());
    this.#connect();
  }

  onDeadline(): void {
    if (!this.#connected) {
      this.#server?.destroy(new Error('the upstream did not accept the connection in time'));
      return;
    }
    this.#context.metrics.connections.timedOut['tcp-idle'].value++;
    this.#client.destroy();
  }

  #connect(): void {
    const now = monotonicMs();
    const upstream = this.#settings.upstream.pick(this.#peer, this.#tried, now);
    if (upstream === null) {
      this.#context.metrics.connections.tcpFailed.value++;
      this.#client.resetAndDestroy();
      return;
    }
    this.#tried.push(upstream);
    upstream.metrics.open.value++;
    this.#token = upstream.health.begin(now);
    this.#isJudged = false;
    const { dialer } = upstream;
    const server = dialer.dial(null);
    this.#server = server;
    this.deadlineAt = now + this.#context.snapshot.timeouts.connectMs;
    server.on(dialer.readyEvent, () => this.#onConnect(server));
    server.on('data', (bytes: Buffer) => this.#onServerData(bytes));
    server.on('end', () => {
      // One that ends in its TLS handshake is passed over, and has said nothing to the client.
      if (this.#connected) this.#client.end();
    });
    server.on('drain', () => this.#client.resume());
    server.on('error', (error) => this.#onServerError(server, error));
    server.on('close', () => {
      upstream.metrics.open.value--;
      this.#onServerClose(server);
    });
  }

  #onConnect(server: Socket): void {
    this.#connected = true;
    this.#isJudged = true;
    this.#tried.at(-1)?.health.succeeded(this.#token, monotonicMs());
    this.#touch();
    if (this.#settings.sendProxyProtocol) {
      const { remotePort = 0, localAddress = '', localPort = 0 } = this.#client;
      server.write(encodeProxyHeader(this.#peer, remotePort, localAddress, localPort));
    }
    this.#client.resume();
  }

  #onClientData(bytes: Buffer): void {
    this.#touch();
    this.#context.metrics.connections.tcpReceived.value += bytes.length;
    if (this.#server?.write(bytes) === false) this.#client.pause();
  }

  #onServerData(bytes: Buffer): void {
    this.#touch();
    this.#context.metrics.connections.tcpSent.value += bytes.length;
    if (!this.#client.write(bytes)) this.#server?.pause();
  }

  #onServerError(server: Socket, error: Error): void {
    if (this.#closed || this.#server !== server) return;
    if (!this.#connected) {
      const now = monotonicMs();
      this.#isJudged = true;
      this.#tried.at(-1)?.health.failed(this.#token, now, error.message);
      const { upstream } = this.#settings;
      if (this.#tried.length < attemptsMax && upstream.hasOther(this.#tried, now)) {
        this.#connect();
        return;
      }
      this.#context.metrics.connections.tcpFailed.value++;
    }
    // A cut-off answer must not look like a whole one.
    this.#client.resetAndDestroy();
  }

  #onServerClose(server: Socket): void {
    if (this.#closed || this.#server !== server) return;
    // What the client has not taken yet is still written.
    this.#client.destroySoon();
  }

  #touch(): void {
    this.deadlineAt = monotonicMs() + this.#settings.idleMs;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.deadlines.remove(this);
    if (!this.#isJudged) this.#tried.at(-1)?.health.abandoned(this.#token);
    this.#context.metrics.connections.tcpOpen.value--;
    this.#server?.destroy();
  }
}
