/**
 * One JSON line a request.
 *
 * Lines are put together by `JSON.stringify` into batches, and pino's destination writes those: a pino
 * logger call for each line took ten times as long (`docs/decisions/access-log.md`).
 *
 * Query strings carry secrets, so they are redacted before they are written, by RE2 patterns (linear
 * time). Where RE2 is missing the query is left out altogether, and status says so.
 */
import pino from 'pino';
import type { Config } from '#config/schema.ts';
import type { Series } from '#telemetry/metrics.ts';

export type AccessRecord = {
  /** RFC 3339, when the request ended. */
  readonly time: string;
  readonly id: string;
  readonly client: string;
  readonly peer: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string | null;
  readonly status: number;
  readonly outcome: string;
  readonly reason: string;
  readonly route: string;
  readonly upstream: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly wafMs: number;
  /** What a rule decided, null when none did. */
  readonly verdict: { readonly rule: string; readonly target: string; readonly enforced: boolean; readonly reason: string } | null;
  readonly userAgent: string;
};

type Redactor = (query: string) => string | null;

/** Lines gathered before they are handed to the writer. */
const batchBytes = 65_536;
/** Bytes kept in memory when the disk or the reader is slow; beyond it lines are dropped and counted. */
const queuedBytesMax = 8 * 1024 * 1024;
const flushMs = 500;

type Destination = ReturnType<typeof pino.destination>;

export class AccessLog {
  readonly #destination: Destination | null;
  readonly #redact: Redactor;
  readonly #timer: NodeJS.Timeout | null;
  #batch = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;

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
    if (settings.to === 'off') return new AccessLog(null, () => null);
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
    destination.on('error', (error: Error) => onDegraded(`access log: ${error.message}`));
    return new AccessLog(destination, redact);
  }

  get isOff(): boolean {
    return this.#destination === null;
  }

  write(record: AccessRecord): void {
    if (this.#destination === null) return;
    const query = record.query === null ? null : this.#redact(record.query);
    const line = `${JSON.stringify(query === record.query ? record : { ...record, query })}\n`;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    if (this.#used + line.length * 3 > batchBytes) this.#flush();
    if (line.length * 3 > batchBytes) this.#destination.write(Buffer.from(line) as unknown as string);
    else this.#used += this.#batch.write(line, this.#used, 'utf8');
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#flush();
    this.#destination?.flushSync();
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#destination?.write(this.#batch.subarray(0, this.#used) as unknown as string);
    // The writer keeps the batch until it is on disk.
    this.#batch = Buffer.allocUnsafeSlow(batchBytes);
    this.#used = 0;
  }
}

async function compileRedactor(patterns: readonly string[], onDegraded: (reason: string) => void): Promise<Redactor> {
  if (patterns.length === 0) return (query) => query;
  try {
    const { default: RE2 } = await import('re2');
    const compiled = patterns.map((pattern) => ({ test: new RE2(pattern), all: new RE2(pattern, 'g') }));
    // Most queries hold nothing to hide, and testing costs a fifth of replacing.
    return (query) => compiled.reduce((text, { test, all }) => (test.test(text) ? all.replace(text, '$1***') : text), query);
  } catch (error) {
    onDegraded(`re2 is not available, so query strings are left out of the access log (${(error as Error).message.split('\n')[0]})`);
    return () => null;
  }
}
