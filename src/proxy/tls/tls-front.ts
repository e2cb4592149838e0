/**
 * TLS of one listener: from an accepted socket to a secure one, within a time, counted.
 *
 * ```
 * begin ─► handshake (engine) ─► onSecure
 *              └─ failed, closed, too slow ─► counted by reason, closed
 * ```
 *
 * The engine is replaced when certificates or settings change; handshakes under way stay with theirs.
 */
import type { Socket } from 'node:net';
import type tls from 'node:tls';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ProxyContext } from '../context.ts';
import { type HandshakeFailure, handshakeFailureOf } from './handshake-failure.ts';
import { TlsEngine } from './tls-engine.ts';
import type { TlsSource } from './tls-source.ts';

export type OnSecure = (socket: tls.TLSSocket, peer: string) => void;

export class TlsFront {
  readonly #context: ProxyContext;
  readonly #onSecure: OnSecure;
  readonly #handshakes = new Map<string, Handshake>();
  #engine: TlsEngine;

  constructor(source: TlsSource, ticketKeys: Buffer, context: ProxyContext, onSecure: OnSecure) {
    this.#context = context;
    this.#onSecure = onSecure;
    this.#engine = this.prepare(source, ticketKeys);
  }

  /** Builds the engine of another source beside the live one. Throws what OpenSSL does not take. */
  prepare(source: TlsSource, ticketKeys: Buffer): TlsEngine {
    return new TlsEngine(source, ticketKeys, {
      onSecure: (socket) => this.#secured(socket),
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
    const handshake = new Handshake(socket, peer, this.#context, (done) =>
      this.#handshakes.delete(done.key),
    );
    this.#handshakes.set(handshake.key, handshake);
    this.#engine.handshake(socket);
  }

  #secured(socket: tls.TLSSocket): void {
    const handshake = this.#handshakes.get(keyOf(socket));
    // Already gone: cut by its deadline or the block list in the same turn.
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    handshake.settle(null);
    this.#context.metrics.handshakes.value++;
    this.#onSecure(socket, handshake.peer);
  }

  #failed(error: NodeJS.ErrnoException, socket: tls.TLSSocket): void {
    // One whose address cannot be told any more settles when its raw socket closes.
    this.#handshakes.get(keyOf(socket))?.settle(handshakeFailureOf(error, socket));
    socket.destroy();
  }
}

/** node:tls gives the secure socket only; what it shares with the raw one are the two addresses. */
const keyOf = (socket: Socket): string =>
  `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;

class Handshake implements Expiring {
  deadlineAt: number;
  deadlineSlot = -1;
  readonly key: string;
  readonly peer: string;
  readonly #socket: Socket;
  readonly #context: ProxyContext;
  readonly #onSettled: (handshake: Handshake) => void;
  #settled = false;

  constructor(
    socket: Socket,
    peer: string,
    context: ProxyContext,
    onSettled: (handshake: Handshake) => void,
  ) {
    this.#socket = socket;
    this.#context = context;
    this.#onSettled = onSettled;
    this.key = keyOf(socket);
    this.peer = peer;
    this.deadlineAt = monotonicMs() + context.snapshot.timeouts.handshakeMs;
    context.deadlines.add(this);
    socket.on('close', () => this.settle('closed'));
  }

  /** Null when it was completed. Only the first word counts. */
  settle(failure: HandshakeFailure | null): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#context.deadlines.remove(this);
    this.#onSettled(this);
    if (failure !== null) this.#context.metrics.handshakesFailed[failure].value++;
  }

  onDeadline(): void {
    this.settle('timeout');
    this.#socket.destroy();
  }
}
