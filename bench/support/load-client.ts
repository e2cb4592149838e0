/**
 * A load client that hides nothing: keep-alive connections, one request at a time on each, no retry.
 * Whatever is not a whole answer with the expected status counts as failed, by reason.
 *
 * It follows `Connection: close`, and it reconnects when an idle connection is closed; a connection that
 * closes under a request is a failure. wrk counts idle closes as errors and curl retries in silence, so
 * neither can show that nothing was dropped.
 */
import net from 'node:net';
import tls from 'node:tls';

export type LoadOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly ca: string; readonly servername: string };
  readonly connections: number;
  /** A whole request, head and body. */
  readonly request: string;
  readonly expectStatus: number;
  /** Ends after this many answers, or when stopped. */
  readonly requestsMax: number;
  /** How long an answer may take. */
  readonly answerMs: number;
  /** Between an answer and the next request; none unless said. */
  readonly pauseMs?: number;
};

export type LoadResult = {
  readonly answered: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly reconnects: number;
  readonly slowestMs: number;
};

export class LoadClient {
  readonly #options: LoadOptions;
  readonly #request: Buffer;
  readonly #failures = new Map<string, number>();
  readonly #done = Promise.withResolvers<LoadResult>();
  #answered = 0;
  #failed = 0;
  #started = 0;
  #running = 0;
  #reconnects = 0;
  #slowestMs = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#request = Buffer.from(options.request, 'latin1');
  }

  run(): Promise<LoadResult> {
    for (let i = 0; i < this.#options.connections; i++) this.#open();
    return this.#done.promise;
  }

  /** Lets requests under way finish. */
  stop(): void {
    this.#stopped = true;
  }

  get answered(): number {
    return this.#answered;
  }

  get failed(): number {
    return this.#failed;
  }

  #open(): void {
    this.#running++;
    const { host, port, tls: secure, pauseMs = 0 } = this.#options;
    const socket =
      secure === undefined
        ? net.connect({ host, port, noDelay: true })
        : tls.connect({ host, port, ...secure });
    let bytes: Buffer = Buffer.alloc(0);
    let asked = false;
    let sentAt = 0;
    let ended = false;
    const end = (reason: string | null) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.destroy();
      if (reason !== null) this.#fail(reason);
      this.#running--;
      if (this.#hasMore()) {
        this.#reconnects++;
        this.#open();
      } else if (this.#running === 0) this.#finish();
    };
    const timer = setInterval(() => {
      if (asked && performance.now() - sentAt > this.#options.answerMs) end('no answer in time');
    }, 1_000);
    const ask = () => {
      if (ended) return;
      if (!this.#hasMore()) {
        end(null);
        return;
      }
      this.#started++;
      asked = true;
      sentAt = performance.now();
      socket.write(this.#request);
    };
    socket.on(secure === undefined ? 'connect' : 'secureConnect', ask);
    socket.on('data', (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const answer = readAnswer(bytes);
      if (answer === null) return;
      if (answer.status !== this.#options.expectStatus) {
        end(`status ${answer.status}`);
        return;
      }
      bytes = bytes.subarray(answer.length);
      asked = false;
      this.#answered++;
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - sentAt);
      if (answer.close) end(null);
      else if (pauseMs === 0) ask();
      else setTimeout(ask, pauseMs);
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(asked || error.code === 'ECONNREFUSED' ? (error.code ?? error.message) : null),
    );
    socket.on('close', () => end(asked ? 'closed under a request' : null));
  }

  #hasMore(): boolean {
    return !this.#stopped && this.#started < this.#options.requestsMax;
  }

  #fail(reason: string): void {
    this.#failed++;
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  #finish(): void {
    this.#done.resolve({
      answered: this.#answered,
      failed: this.#failed,
      failures: Object.fromEntries(this.#failures),
      reconnects: this.#reconnects,
      slowestMs: this.#slowestMs,
    });
  }
}

/** A whole answer with a Content-Length at the front of `bytes`, or null. */
function readAnswer(bytes: Buffer): { status: number; length: number; close: boolean } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < length) return null;
  return { status: Number(head.slice(9, 12)), length, close: /\r\nconnection: *close/i.test(head) };
}
