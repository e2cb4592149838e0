/** HTTP/1.1 connections of a steady load: one request at a time on each, made anew as they end. */
import net from 'node:net';
import tls from 'node:tls';
import type { Ask, Lines, LoadEvents, SteadyOptions } from './steady-load.ts';

/** Between two tries to connect, after one that failed. */
const reconnectMs = 20;

export class H1Lines implements Lines {
  readonly #options: SteadyOptions;
  readonly #events: LoadEvents;
  readonly #request: Buffer;
  readonly #idle: Line[] = [];
  #closed = false;
  #made = 0;

  constructor(options: SteadyOptions, events: LoadEvents) {
    this.#options = options;
    this.#events = events;
    const { method, path, servername, headers, body } = options;
    const fields = Object.entries({
      Host: servername,
      ...headers,
      ...(body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    });
    this.#request = Buffer.from(
      `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    );
    for (let i = 0; i < options.connections; i++) this.#open();
  }

  get reconnects(): number {
    return Math.max(0, this.#made - this.#options.connections);
  }

  take(ask: Ask): boolean {
    const line = this.#idle.pop();
    if (line === undefined) return false;
    line.ask = ask;
    line.socket.write(this.#request);
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const { socket } of this.#idle) socket.destroy();
  }

  #open(): void {
    if (this.#closed) return;
    this.#made++;
    const { host, port, servername, answerMs } = this.#options;
    const isTls = this.#options.tls;
    const socket = isTls
      ? tls.connect({ host, port, servername, rejectUnauthorized: false })
      : net.connect({ host, port, noDelay: true });
    const line: Line = { socket, ask: null, bytes: noBytes, answers: 0, isUp: false };
    let error = '';
    const timer = setInterval(() => {
      if (line.ask === null || performance.now() - line.ask.sentMs < answerMs) return;
      error = 'no answer in time';
      socket.destroy();
    }, 1_000);
    socket.on(isTls ? 'secureConnect' : 'connect', () => {
      line.isUp = true;
      this.#rest(line);
    });
    socket.on('data', (bytes: Buffer) => this.#onData(line, bytes));
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message;
    });
    socket.on('close', () => {
      clearInterval(timer);
      const at = this.#idle.indexOf(line);
      if (at >= 0) this.#idle.splice(at, 1);
      if (line.ask !== null) this.#events.failed(line.ask, error || 'closed under a request');
      else if (!line.isUp && !this.#closed) this.#events.failed(null, 'connect');
      line.ask = null;
      if (line.isUp) this.#open();
      else setTimeout(() => this.#open(), reconnectMs);
    });
  }

  #onData(line: Line, chunk: Buffer): void {
    line.bytes = line.bytes.length === 0 ? chunk : Buffer.concat([line.bytes, chunk]);
    const answer = readAnswer(line.bytes);
    if (answer === null) return;
    const ask = line.ask;
    line.ask = null;
    if (ask === null || line.bytes.length !== answer.length) {
      this.#events.failed(ask, 'bytes nobody asked for');
      line.socket.destroy();
      return;
    }
    line.bytes = noBytes;
    line.answers++;
    if (answer.status === this.#options.expectStatus) this.#events.answered(ask);
    else this.#events.failed(ask, `status ${answer.status}`);
    if (answer.close || line.answers >= this.#options.answersPerConnection) line.socket.destroy();
    else this.#rest(line);
  }

  #rest(line: Line): void {
    if (this.#closed) {
      line.socket.destroy();
      return;
    }
    this.#idle.push(line);
    this.#events.free();
  }
}

type Line = {
  readonly socket: net.Socket;
  ask: Ask | null;
  bytes: Buffer;
  answers: number;
  isUp: boolean;
};

const noBytes = Buffer.alloc(0);

/** A whole answer with a Content-Length at the front of `bytes`, or null. */
function readAnswer(bytes: Buffer): { status: number; length: number; close: boolean } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < length) return null;
  return { status: Number(head.slice(9, 12)), length, close: /\r\nconnection: *close/i.test(head) };
}
