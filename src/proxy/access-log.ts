/**
 * One JSON line a request.
 *
 * Lines are gathered in batches and pino's destination writes those, off this thread: a pino logger call
 * for each line took several times as long (`docs/decisions/access-log.md`).
 *
 * Query strings carry secrets, so they are redacted before they are written, by RE2 patterns (linear
 * time). Where RE2 is missing the query is left out altogether, and status says so.
 */
import { once } from 'node:events';
import pino from 'pino';
import type { Config } from '#config/schema.ts';
import type { Series } from '#telemetry/metrics.ts';
import type { RequestView } from '#waf/request-view.ts';
import { type AccessLine, inAscii } from './access-line.ts';

/** The query in `bytes[start, end)` as it may be logged, or undefined to leave it out. */
type Redactor = (bytes: Buffer, start: number, end: number) => string | undefined;

/** Lines gathered before they are handed to the writer. */
const batchBytes = 65_536;
/** Bytes kept in memory when the disk or the reader is slow; beyond it lines are dropped and counted. */
const queuedBytesMax = 8 * 1024 * 1024;
const flushMs = 500;
const LF = 10;

type Destination = ReturnType<typeof pino.destination>;

export class AccessLog {
  readonly #destination: Destination | null;
  readonly #redact: Redactor;
  readonly #timer: NodeJS.Timeout | null;
  #batch = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;
  #closed: Promise<void> | null = null;

  private constructor(destination: Destination | null, redact: Redactor) {
    this.#destination = destination;
    this.#redact = redact;
    this.#timer = destination === null ? null : setInterval(() => this.#flush(), flushMs).unref();
  }

  static async open(
    settings: Config['accessLog'],
    dropped: Series,
    onDegraded: (reason: string) => void,
  ): Promise<AccessLog> {
    if (settings.to === 'off') return new AccessLog(null, () => undefined);
    const redact = await compileRedactor(settings.redact, onDegraded);
    const options = {
      dest: settings.to === 'stdout' ? 1 : settings.to,
      append: true,
      mkdir: true,
      mode: 0o640,
      sync: false,
      // Batches come as bytes: the writer then neither joins strings nor encodes them.
      contentMode: 'buffer',
      maxLength: queuedBytesMax,
    } as const;
    const destination = pino.destination(options);
    destination.on('drop', () => {
      dropped.value++;
    });
    // Opening comes first, so that a file that cannot be written refuses the configuration.
    await once(destination, 'ready');
    destination.on('error', (error: Error) => onDegraded(error.message));
    return new AccessLog(destination, redact);
  }

  get isOff(): boolean {
    return this.#destination === null;
  }

  /** The query of a request as it may be logged; undefined when there is none or it must not be. */
  redactedQuery(view: RequestView): string | undefined {
    return view.queryStart < 0
      ? undefined
      : this.#redact(view.bytes, view.queryStart, view.targetEnd);
  }

  write(line: AccessLine): void {
    if (this.#destination === null || this.#closed !== null) return;
    const json = JSON.stringify(line);
    // No unit of UTF-16 takes more bytes.
    const room = json.length * 3 + 1;
    if (this.#used + room > batchBytes) this.#flush();
    const size = room > batchBytes ? -1 : this.#batch.write(json, this.#used);
    // As many bytes as units: nothing but ASCII, as it nearly always is. DEL is in no head, but may be in these two.
    const isFromHead = line.verdict === undefined && line.clientCertificate === undefined;
    if (size === json.length && isFromHead) {
      this.#used += size;
      this.#batch[this.#used++] = LF;
    } else this.#writeRare(`${inAscii(json)}\n`, this.#destination);
  }

  #writeRare(line: string, destination: Destination): void {
    if (this.#used + line.length > batchBytes) this.#flush();
    if (line.length > batchBytes) destination.write(Buffer.from(line) as unknown as string);
    else this.#used += this.#batch.write(line, this.#used, 'latin1');
  }

  /** Resolves when every line is with the kernel. Lines written after it are lost. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#flush();
    if (this.#destination === null) return;
    const closed = once(this.#destination, 'close');
    this.#destination.end();
    await closed;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#destination?.write(this.#batch.subarray(0, this.#used) as unknown as string);
    // The writer keeps the batch until it is on disk.
    this.#batch = Buffer.allocUnsafeSlow(batchBytes);
    this.#used = 0;
  }
}

async function compileRedactor(
  patterns: readonly string[],
  onDegraded: (reason: string) => void,
): Promise<Redactor> {
  if (patterns.length === 0) return plainQuery;
  try {
    const { default: RE2 } = await import('re2');
    const compiled = patterns.map((pattern) => ({
      test: new RE2(pattern),
      all: new RE2(pattern, 'g'),
    }));
    return (bytes, start, end) => {
      // Most queries hold nothing to hide. Asking over bytes costs a quarter of asking over a string.
      const range = bytes.subarray(start, end) as unknown as string;
      if (!compiled.some(({ test }) => test.test(range))) return plainQuery(bytes, start, end);
      return compiled.reduce(
        (text, { all }) => all.replace(text, '$1***'),
        plainQuery(bytes, start, end),
      );
    };
  } catch (error) {
    onDegraded(
      `re2 is not available, so query strings are left out of the access log (${(error as Error).message.split('\n')[0]})`,
    );
    return () => undefined;
  }
}

const plainQuery = (bytes: Buffer, start: number, end: number): string =>
  bytes.toString('latin1', start, end);
