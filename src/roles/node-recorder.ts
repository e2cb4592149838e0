/**
 * The recording that is under way on this node: workers send what they masked, it is written, and ends by order, by
 * time, by number or by size, whichever comes first.
 *
 * ```
 * start ─► file ─► order to every worker ◄─ a worker that joins
 *            ▲        └─► masked requests ─┐
 * end ◄──────┴─ stop ◄─ minutes, requests, bytes, a disk that is full
 * ```
 */
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { RecordingBegin } from '#replay/recording-format.ts';
import { type RecordingEntry, RecordingStore, RecordingWriter } from '#replay/recording-store.ts';
import type { ToReplayPart } from './replay-messages.ts';
import type { RecordOrder } from './worker-replay.ts';

/** How long workers may take to begin, and to send what they still have. */
const firstWordsMs = 5_000;
const lastWordsMs = 5_000;

/** What a recording needs of its node. */
export type RecorderHost = {
  readonly statePath: string;
  readonly log: { info(fields: object, words: string): void };
  /** The configuration that is live. */
  readonly live: () => {
    readonly generation: number;
    readonly bodyWindowBytes: number;
    /** Names. */
    readonly routes: readonly string[];
  };
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly send: (message: ToReplayPart, slot?: number) => void;
};

export type RecordTerms = {
  readonly minutes: number;
  readonly sharePercent: number;
  readonly routes: readonly string[];
  readonly requestsMax: number;
  readonly bytesMax: number;
  /** Of the body of each answer. */
  readonly answerBytes: number;
};

type Running = {
  readonly writer: RecordingWriter;
  readonly begin: RecordingBegin;
  readonly terms: RecordTerms;
  readonly order: RecordOrder;
  readonly timer: NodeJS.Timeout;
  /** Workers that have not said that they record. */
  readonly beginners: Set<number>;
  readonly allBegun: () => void;
  /** Workers that have not said that they have sent all, once it ends. */
  awaited: Set<number> | null;
  allSent: () => void;
  ending: Promise<void> | null;
};

export class NodeRecorder {
  readonly store: RecordingStore;
  readonly #host: RecorderHost;
  readonly #workers = new Set<number>();
  #running: Running | null = null;
  #isStarting = false;

  constructor(host: RecorderHost) {
    this.#host = host;
    this.store = new RecordingStore(host.statePath);
  }

  get running():
    | (RecordingEntry & {
        readonly terms: RecordTerms;
        readonly dropped: number;
        readonly requests: number;
      })
    | null {
    if (this.#running === null) return null;
    const { writer, begin, terms } = this.#running;
    const { id, bytes, requests, dropped } = writer;
    return { id, bytes, begin, end: null, terms, requests, dropped };
  }

  /** Resolves when every worker records, or is too late to be waited for. Throws RECORDING_BUSY, RECORDINGS_FULL. */
  async start(terms: RecordTerms): Promise<string> {
    if (this.#running !== null || this.#isStarting)
      throw new WeirError(
        'RECORDING_BUSY',
        `${this.#running === null ? 'a recording' : `recording ${this.#running.writer.id}`} is under way already; end it with "weir record stop"`,
      );
    this.#isStarting = true;
    try {
      const { log } = this.#host;
      const { generation, bodyWindowBytes, routes: known } = this.#host.live();
      checkRoutes(terms.routes, known);
      const { sharePercent, routes, answerBytes } = terms;
      const begin: RecordingBegin = {
        startedAtMs: wallMs(),
        ...{ sharePercent, routes: [...routes], generation },
        bodyBytesMax: bodyWindowBytes,
        answerBytesMax: answerBytes,
      };
      const writer = await this.store.create(begin);
      const order = { id: writer.id, sharePercent, routes, answerBytes };
      const timer = setTimeout(
        () => void this.#end('the time is over'),
        terms.minutes * 60_000,
      ).unref();
      const { promise: begun, resolve: allBegun } = Promise.withResolvers<void>();
      const beginners = new Set(this.#workers);
      this.#running = {
        ...{ writer, begin, terms, order, timer, beginners, allBegun },
        ...{ awaited: null, allSent: () => {}, ending: null },
      };
      this.#host.send({ part: 'replay', kind: 'record', order });
      const late = setTimeout(allBegun, firstWordsMs);
      if (beginners.size === 0) allBegun();
      await begun;
      clearTimeout(late);
      log.info({ recording: writer.id, ...terms }, 'recording begun');
      return writer.id;
    } finally {
      this.#isStarting = false;
    }
  }

  /** Resolves when the file is whole. Throws RECORDING_UNKNOWN where none is under way. */
  async stop(): Promise<string> {
    if (this.#running === null)
      throw new WeirError('RECORDING_UNKNOWN', 'no recording is under way');
    const { id } = this.#running.writer;
    await this.#end('asked for');
    return id;
  }

  /** Throws RECORDING_BUSY, RECORDING_UNKNOWN. */
  async remove(name: string): Promise<string> {
    const { id } = await this.store.find(name);
    if (id === this.#running?.writer.id)
      throw new WeirError('RECORDING_BUSY', `recording ${id} is under way; end it first`);
    return this.store.remove(id);
  }

  take(payloads: readonly Uint8Array[], dropped: number): void {
    const running = this.#running;
    if (running === null) return;
    const { writer, terms } = running;
    writer.noteDropped(dropped);
    for (const payload of payloads) {
      const isFull =
        writer.requests >= terms.requestsMax ||
        writer.bytes + RecordingWriter.sizeOf(payload) > terms.bytesMax;
      if (isFull) {
        void this.#end(
          writer.requests >= terms.requestsMax
            ? `it has ${terms.requestsMax} requests`
            : `it has ${terms.bytesMax} bytes`,
        );
        return;
      }
      writer.add(payload);
    }
    if (writer.requests >= terms.requestsMax)
      void this.#end(`it has ${terms.requestsMax} requests`);
    else if (writer.failure !== null) void this.#end(writer.failure);
  }

  /** A worker records. */
  started(slot: number, recording: string): void {
    if (this.#running?.order.id === recording) this.#beginLess(slot);
  }

  /** A worker has sent all it had of it. */
  stopped(slot: number, recording: string): void {
    if (this.#running?.order.id === recording) this.#awaitLess(slot);
  }

  join(slot: number): void {
    this.#workers.add(slot);
    if (this.#running !== null && this.#running.awaited === null)
      this.#host.send({ part: 'replay', kind: 'record', order: this.#running.order }, slot);
  }

  leave(slot: number): void {
    this.#workers.delete(slot);
    this.#beginLess(slot);
    this.#awaitLess(slot);
  }

  async close(): Promise<void> {
    if (this.#running !== null) await this.#end('the node ended');
  }

  #beginLess(slot: number): void {
    const running = this.#running;
    if (running?.beginners.delete(slot) && running.beginners.size === 0) running.allBegun();
  }

  #awaitLess(slot: number): void {
    const running = this.#running;
    running?.awaited?.delete(slot);
    if (running?.awaited?.size === 0) running.allSent();
  }

  #end(why: string): Promise<void> {
    const running = this.#running;
    if (running === null) return Promise.resolve();
    running.ending ??= this.#finish(running, why.slice(0, 256));
    return running.ending;
  }

  async #finish(running: Running, why: string): Promise<void> {
    const { log, setDegraded } = this.#host;
    const { writer, order, timer } = running;
    clearTimeout(timer);
    running.allBegun();
    const { promise, resolve } = Promise.withResolvers<void>();
    running.awaited = new Set(this.#workers);
    running.allSent = resolve;
    const late = setTimeout(resolve, lastWordsMs);
    this.#host.send({ part: 'replay', kind: 'stop', recording: order.id });
    if (running.awaited.size === 0) resolve();
    await promise;
    clearTimeout(late);
    this.#running = null;
    try {
      const end = await writer.end(wallMs(), why);
      log.info({ recording: order.id, ...end }, 'recording ended');
      setDegraded('recording', writer.failure);
    } catch (error) {
      setDegraded('recording', describeError(error));
    }
  }
}

/** Throws REPLAY_INVALID. */
function checkRoutes(routes: readonly string[], known: readonly string[]): void {
  const missing = routes.find((route) => !known.includes(route));
  if (missing !== undefined)
    throw new WeirError('REPLAY_INVALID', `no route is called "${missing}"`, {
      details: [`there are: ${known.join(', ')}`],
    });
}
