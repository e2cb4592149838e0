/**
 * Load in which every answer is looked at: keep-alive connections, one request at a time on each, no retry.
 * A request says itself what is right for it; what is not, and every connection that ends under a request,
 * is counted by reason.
 */
import net from 'node:net';

export type CheckedRequest = {
  /** Head and body. */
  readonly text: string;
  /** What is wrong with the answer, or null. */
  readonly problemOf: (answer: CheckedAnswer) => string | null;
};

export type CheckedAnswer = {
  readonly status: number;
  readonly field: (name: string) => string | null;
  readonly body: string;
};

export type CheckedResult = {
  readonly answered: number;
  readonly problems: Readonly<Record<string, number>>;
  readonly reconnects: number;
};

/** More kinds than these are one kind. */
const problemsMax = 20;

export class CheckedLoad {
  readonly #port: number;
  readonly #requestsMax: number;
  readonly #next: (index: number, connection: number) => CheckedRequest;
  readonly #restMs: number;
  readonly #problems = new Map<string, number>();
  readonly #done = Promise.withResolvers<CheckedResult>();
  #started = 0;
  #running = 0;
  #answered = 0;
  #reconnects = 0;
  #connections = 0;
  #stopped = false;

  /**
   * `next` gets the number of the request, from 0, and that of its connection, which stays with one worker. A
   * connection rests for `restMs` between an answer and its next request.
   */
  constructor(
    port: number,
    requestsMax: number,
    next: (index: number, connection: number) => CheckedRequest,
    restMs = 0,
  ) {
    this.#restMs = restMs;
    this.#port = port;
    this.#requestsMax = requestsMax;
    this.#next = next;
  }

  get answered(): number {
    return this.#answered;
  }

  run(connections: number): Promise<CheckedResult> {
    for (let i = 0; i < connections; i++) this.#open();
    return this.#done.promise;
  }

  /** Requests under way still get their answers. */
  stop(): void {
    this.#stopped = true;
  }

  #open(): void {
    this.#running++;
    const connection = this.#connections++;
    const socket = net.connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    let received: Buffer = noBytes;
    let asked: CheckedRequest | null = null;
    let ended = false;
    const end = (problem: string | null): void => {
      if (ended) return;
      ended = true;
      socket.destroy();
      if (problem !== null) this.#count(problem);
      this.#running--;
      if (this.#hasMore()) {
        this.#reconnects++;
        this.#open();
      } else if (this.#running === 0) this.#finish();
    };
    const ask = (): void => {
      if (!this.#hasMore()) {
        end(null);
        return;
      }
      asked = this.#next(this.#started++, connection);
      socket.write(asked.text, 'latin1');
    };
    socket.on('connect', ask);
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const read = readAnswer(received);
      if (read === null || asked === null) return;
      received = received.subarray(read.length);
      this.#answered++;
      const problem = received.length > 0 ? 'bytes behind an answer' : asked.problemOf(read.answer);
      if (problem !== null) this.#count(problem);
      asked = null;
      if (read.answer.field('connection') === 'close') end(null);
      else if (this.#restMs === 0) ask();
      else setTimeout(() => ended || ask(), this.#restMs);
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(asked === null ? null : (error.code ?? error.message)),
    );
    socket.on('close', () => end(asked === null ? null : 'closed under a request'));
  }

  #hasMore(): boolean {
    return !this.#stopped && this.#started < this.#requestsMax;
  }

  #count(problem: string): void {
    const kind =
      this.#problems.has(problem) || this.#problems.size < problemsMax ? problem : 'and others';
    this.#problems.set(kind, (this.#problems.get(kind) ?? 0) + 1);
  }

  #finish(): void {
    this.#done.resolve({
      answered: this.#answered,
      problems: Object.fromEntries(this.#problems),
      reconnects: this.#reconnects,
    });
  }
}

const noBytes = Buffer.alloc(0);

/** A whole answer with a Content-Length at the front of `bytes`, or null. */
function readAnswer(bytes: Buffer): { answer: CheckedAnswer; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = `${bytes.toString('latin1', 0, headEnd)}\r\n`;
  const field = (name: string): string | null =>
    new RegExp(`\r\n${name}: *([^\r]*)\r\n`, 'i').exec(head)?.[1] ?? null;
  const bodyAt = headEnd + 4;
  const length = bodyAt + Number(field('content-length') ?? 0);
  if (bytes.length < length) return null;
  const body = bytes.toString('latin1', bodyAt, length);
  return { answer: { status: Number(head.slice(9, 12)), field, body }, length };
}
