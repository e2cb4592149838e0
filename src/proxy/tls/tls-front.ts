/**
 * TLS of one listener: from an accepted socket to a secure one, within a time, counted.
 *
 * ```
 * begin ─► limits ─► client hello, read ahead ─► handshake (engine) ─► onSecure
 *            reset            │                       │
 *                             └───────────────────────┴─ failed, closed, too slow ─► counted by reason
 * ```
 *
 * The engine is replaced when certificates or settings change; handshakes under way stay with theirs.
 * Where the hello has been read (`#hello`) is the place to answer some of them otherwise: it knows the name
 * and the protocols asked for before TLS has seen a byte.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type tls from 'node:tls';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ConnectionFacts } from '../connection-facts.ts';
import type { ProxyContext } from '../context.ts';
import { ForwardedFields } from '../forwarded-fields.ts';
import { readFirstBytes } from '../listener/first-bytes.ts';
import { AcmeHandshakes, acmeProtocol } from './acme-handshake.ts';
import { clientCertificate } from './client-certificate.ts';
import { type ClientHello, helloBytesMax, parseClientHello } from './client-hello.ts';
import { forgetListeners } from './forget-listeners.ts';
import { type HandshakeFailure, handshakeFailureOf } from './handshake-failure.ts';
import { ja4 } from './ja4.ts';
import { TlsEngine } from './tls-engine.ts';
import type { TlsSource } from './tls-source.ts';

export type OnSecure = (socket: tls.TLSSocket, facts: ConnectionFacts) => void;

/** The hello in its records, with room for a header every few hundred bytes. */
const firstBytesMax = helloBytesMax + 512;
/** Fatal, decode_error: what RFC 8446 section 6.2 asks for. */
const decodeError = Buffer.from([21, 3, 1, 0, 2, 2, 50]);
/** Fatal, unrecognized_name: the name asked for has no certificate yet. */
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

export class TlsFront {
  readonly #context: ProxyContext;
  readonly #listener: number;
  readonly #onSecure: OnSecure;
  /** node:tls names the secure socket only; what it calls for one is called in the context it was begun in. */
  readonly #begun = new AsyncLocalStorage<BegunHandshake>();
  readonly #acme: AcmeHandshakes;
  #engine: TlsEngine;

  constructor(
    source: TlsSource,
    ticketKeys: Buffer,
    listener: number,
    context: ProxyContext,
    onSecure: OnSecure,
  ) {
    this.#context = context;
    this.#listener = listener;
    this.#onSecure = onSecure;
    this.#engine = this.prepare(source, ticketKeys);
    this.#acme = new AcmeHandshakes(context.challenges, {
      onSecure: () => {
        this.#underWay()?.settle(null);
        context.metrics.acmeProofs['tls-alpn-01'].value++;
      },
      onFailure: (error, socket) => this.#failed(error, socket),
    });
  }

  /** Builds the engine of another source beside the live one. Throws what OpenSSL does not take. */
  prepare(source: TlsSource, ticketKeys: Buffer): TlsEngine {
    return new TlsEngine(source, ticketKeys, {
      onSecure: (socket, engine) => this.#secured(socket, engine),
      onFailure: (error, socket) => this.#failed(error, socket),
    });
  }

  commit(engine: TlsEngine): void {
    this.#engine = engine;
  }

  setTicketKeys(keys: Buffer): void {
    this.#engine.setTicketKeys(keys);
  }

  begin(socket: Socket, peer: string): void {
    const { admission, metrics, snapshot } = this.#context;
    const refused = admission.handshake(peer, snapshot);
    if (refused !== null) {
      metrics.connections.refused[refused].value++;
      socket.resetAndDestroy();
      return;
    }
    const handshake = new Handshake(socket, peer, this.#context);
    let hello: ClientHello | null = null;
    readFirstBytes(
      socket,
      firstBytesMax,
      (bytes) => {
        const result = parseClientHello(bytes);
        if (result === 'incomplete') return 'more';
        if (result === 'invalid') {
          if (bytes[0] === 22) socket.write(decodeError);
          return 'refuse';
        }
        hello = result;
        // All of it goes to OpenSSL.
        return 0;
      },
      (result) => {
        if (result === 'ended') {
          handshake.settle('closed');
          socket.destroy();
        } else this.#hello(handshake, hello);
      },
    );
  }

  #hello(handshake: Handshake, hello: ClientHello | null): void {
    if (handshake.socket.destroyed) return;
    if (hello === null) {
      handshake.settle('protocol');
      handshake.socket.destroySoon();
      return;
    }
    handshake.ja4 = ja4(hello);
    const { challenges } = this.#context;
    if (
      challenges.hasTls &&
      hello.protocols.includes(acmeProtocol) &&
      challenges.tlsContext(hello.serverName) !== null
    ) {
      this.#begun.run(handshake.begun, () => this.#acme.handshake(handshake.socket));
    } else if (this.#engine.isAwaited(hello.serverName)) {
      // Another name's certificate would tell the client that something is wrong, but not what.
      handshake.settle('name');
      handshake.socket.write(unrecognizedName);
      handshake.socket.destroySoon();
    } else this.#begun.run(handshake.begun, () => this.#engine.handshake(handshake.socket));
  }

  /** That of the socket node:tls is speaking of; null when it has been settled. */
  #underWay(): Handshake | null {
    return this.#begun.getStore()?.handshake ?? null;
  }

  /** `engine` is the one the handshake was made with, which a reload may have replaced. */
  #secured(socket: tls.TLSSocket, engine: TlsEngine): void {
    const handshake = this.#underWay();
    // Already gone: cut by its deadline or the block list in the same turn.
    if (handshake === null) {
      socket.destroy();
      return;
    }
    const certificate = engine.asksForCertificates ? clientCertificate(socket) : null;
    // Not `socket.authorized`: to Node a resumed TLS 1.3 session without any certificate is authorized.
    if (engine.demandsCertificates && certificate?.verified !== true) {
      handshake.settle('client-certificate');
      socket.destroy();
      return;
    }
    handshake.settle(null);
    const { connections } = this.#context.metrics;
    const { name, version } = socket.getCipher();
    connections.handshakes(version, name).value++;
    connections.handshakeDuration.observe((monotonicMs() - handshake.startedAt) / 1_000);
    if (socket.isSessionReused()) connections.sessionsResumed.value++;
    socket.on('close', forgetListeners);
    this.#onSecure(socket, {
      listener: this.#listener,
      peer: handshake.peer,
      isTls: true,
      ja4: handshake.ja4,
      forwarded: new ForwardedFields(handshake.peer, true),
      certificate,
    });
  }

  #failed(error: NodeJS.ErrnoException, socket: tls.TLSSocket): void {
    this.#underWay()?.settle(handshakeFailureOf(error));
    socket.destroy();
  }
}

/** What is begun in a context, an upstream's connection too, may outlast the handshake: it keeps this alone. */
type BegunHandshake = { handshake: Handshake | null };

class Handshake implements Expiring {
  readonly startedAt = monotonicMs();
  deadlineAt: number;
  deadlineSlot = -1;
  readonly socket: Socket;
  readonly peer: string;
  readonly begun: BegunHandshake = { handshake: this };
  ja4 = '';
  readonly #context: ProxyContext;

  constructor(socket: Socket, peer: string, context: ProxyContext) {
    this.socket = socket;
    this.#context = context;
    this.peer = peer;
    this.deadlineAt = this.startedAt + context.snapshot.timeouts.handshakeMs;
    context.deadlines.add(this);
    context.metrics.connections.handshakesOpen.value++;
    socket.on('close', () => this.settle('closed'));
    socket.on('close', forgetListeners);
  }

  /** Null when it was completed. Only the first word counts. */
  settle(failure: HandshakeFailure | null): void {
    if (this.begun.handshake === null) return;
    this.begun.handshake = null;
    const { deadlines, admission, metrics } = this.#context;
    deadlines.remove(this);
    admission.handshakeDone();
    metrics.connections.handshakesOpen.value--;
    if (failure !== null) metrics.connections.handshakesFailed[failure].value++;
  }

  onDeadline(): void {
    this.settle('timeout');
    this.socket.destroy();
  }
}
