/**
 * What a worker hands copies of requests to: a thread (`sample-thread.ts`) that is there while somebody records or
 * watches, and a bounded line before it. What finds no room in the line is counted, and never waited for.
 */
import type { Worker } from 'node:worker_threads';
import { startBareThread } from '#core/bare-thread.ts';
import type { RecordedRequest } from './recorded-request.ts';
import type { FromSampler, ShadowOrder, ShadowReport, ToSampler } from './sample-thread.ts';

/** Requests handed over and not dealt with yet, and their bytes. */
export const waitingMax = 512;
export const waitingBytesMax = 16 * 1_048_576;
const heapMegabytesMax = 384;

export type SamplerEvents = {
  /** One that is recorded, masked and encoded. */
  onRecorded(payload: Uint8Array): void;
  onShadow(report: ShadowReport): void;
  onFlushed(recording: string): void;
  /** The thread is gone: what it had is lost. */
  onFailed(reason: string): void;
};

export class Sampler {
  readonly #events: SamplerEvents;
  #thread: Worker | null = null;
  /** Bytes of those handed over, the oldest first. */
  #waiting: number[] = [];
  #waitingBytes = 0;

  constructor(events: SamplerEvents) {
    this.#events = events;
  }

  /** False where there is no room. */
  offer(
    request: RecordedRequest,
    isRecorded: boolean,
    answerBytesMax: number,
    shadows: readonly string[],
  ): boolean {
    const { head, bytes, responseHead, answerBytes } = request;
    const size =
      head.length + bytes.length + (responseHead?.length ?? 0) + (answerBytes?.length ?? 0);
    if (this.#waiting.length >= waitingMax || this.#waitingBytes + size > waitingBytesMax)
      return false;
    this.#waiting.push(size);
    this.#waitingBytes += size;
    this.#post({ kind: 'request', request, isRecorded, answerBytesMax, shadows });
    return true;
  }

  shadow(order: ShadowOrder): void {
    this.#post({ kind: 'shadow', order });
  }

  unshadow(name: string): void {
    if (this.#thread !== null) this.#post({ kind: 'unshadow', name });
  }

  flush(recording: string): void {
    this.#post({ kind: 'flush', recording });
  }

  /** Nobody records or watches any more. */
  close(): void {
    const thread = this.#thread;
    this.#thread = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
    void thread?.terminate();
  }

  #post(message: ToSampler): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(message);
  }

  #start(): Worker {
    const file = new URL('./sample-thread.ts', import.meta.url);
    const thread = startBareThread(file, heapMegabytesMax);
    thread.unref();
    thread.on('message', (message: FromSampler) => {
      if (thread === this.#thread) this.#take(message);
    });
    const failed = (reason: string): void => {
      if (thread !== this.#thread) return;
      this.close();
      this.#events.onFailed(reason);
    };
    thread.on('error', (error) => failed(error instanceof Error ? error.message : String(error)));
    thread.on('exit', () => failed('its thread ended'));
    return thread;
  }

  #take(message: FromSampler): void {
    if (message.kind === 'shadow') this.#events.onShadow(message.report);
    else if (message.kind === 'flushed') this.#events.onFlushed(message.recording);
    else {
      this.#waitingBytes -= this.#waiting.shift() ?? 0;
      if (message.payload !== null) this.#events.onRecorded(message.payload);
    }
  }
}
