/** HTTP/2 sessions of a steady load: several streams on each; GOAWAY ends a session for new ones. */
import http2 from 'node:http2';
import type { Ask, Lines, LoadEvents, SteadyOptions } from './steady-load.ts';

const reconnectMs = 20;
/**
 * What the first GOAWAY of two names: every stream is still served. What Node's own library refuses between
 * that and the second are requests of the same turn that it had not written yet, and writes no more.
 */
const streamIdMax = 2 ** 31 - 1;

type Session = {
  readonly session: http2.ClientHttp2Session;
  open: number;
  answers: number;
  isUp: boolean;
  isLeaving: boolean;
  /** As the last GOAWAY said; -1 before one. */
  lastStreamId: number;
};

export class H2Lines implements Lines {
  readonly #options: SteadyOptions;
  readonly #events: LoadEvents;
  readonly #headers: http2.OutgoingHttpHeaders;
  readonly #sessions = new Set<Session>();
  #closed = false;
  #made = 0;

  constructor(options: SteadyOptions, events: LoadEvents) {
    this.#options = options;
    this.#events = events;
    this.#headers = {
      ':method': options.method,
      ':path': options.path,
      ':authority': options.servername,
      ...Object.fromEntries(
        Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    };
    for (let i = 0; i < options.connections; i++) this.#open();
  }

  get reconnects(): number {
    return Math.max(0, this.#made - this.#options.connections);
  }

  take(ask: Ask): boolean {
    for (const one of this.#sessions) {
      if (!one.isUp || one.isLeaving || one.open >= this.#options.streams) continue;
      this.#request(one, ask);
      return true;
    }
    return false;
  }

  close(): void {
    this.#closed = true;
    for (const { session } of this.#sessions) session.destroy();
  }

  #open(): void {
    if (this.#closed) return;
    this.#made++;
    const { host, port, servername, tls } = this.#options;
    const session = tls
      ? http2.connect(`https://${servername}:${port}`, {
          host,
          servername,
          rejectUnauthorized: false,
        })
      : http2.connect(`http://${host}:${port}`);
    const one: Session = {
      session,
      open: 0,
      answers: 0,
      isUp: false,
      isLeaving: false,
      lastStreamId: -1,
    };
    this.#sessions.add(one);
    session.on('connect', () => {
      one.isUp = true;
      this.#events.free();
    });
    session.on('goaway', (_code, lastStreamId) => {
      one.lastStreamId = lastStreamId;
      this.#leave(one);
    });
    // What it ends fails stream by stream.
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.#sessions.delete(one);
      if (!one.isUp && !this.#closed) {
        this.#events.failed(null, 'connect');
        setTimeout(() => this.#open(), reconnectMs);
      } else if (!one.isLeaving) this.#open();
    });
  }

  /** No further stream here: those open finish, another session takes what comes. */
  #leave(one: Session): void {
    if (one.isLeaving) return;
    one.isLeaving = true;
    this.#open();
    if (one.open === 0) one.session.close();
  }

  #request(one: Session, ask: Ask): void {
    const { body, expectStatus, answerMs, answersPerConnection } = this.#options;
    one.open++;
    const stream = one.session.request(this.#headers, { endStream: body === '' });
    let status = 0;
    let reason = '';
    let ended = false;
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('end', () => {
      ended = true;
    });
    stream.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    stream.setTimeout(answerMs, () => {
      reason = 'no answer in time';
      stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('close', () => {
      one.open--;
      one.answers++;
      const isRefusedHere =
        status === 0 &&
        one.lastStreamId === streamIdMax &&
        stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
      if (isRefusedHere) this.#events.unsent(ask);
      else if (status === expectStatus && ended && stream.rstCode === 0) this.#events.answered(ask);
      else if (status !== 0 && status !== expectStatus)
        this.#events.failed(ask, `status ${status}`);
      else
        this.#events.failed(
          ask,
          `${reason || 'reset'} ${stream.rstCode}, GOAWAY ${one.lastStreamId}`,
        );
      if (one.answers >= answersPerConnection) this.#leave(one);
      if (one.isLeaving && one.open === 0) one.session.close();
      else this.#events.free();
    });
    stream.resume();
    if (body !== '') stream.end(body);
  }
}
