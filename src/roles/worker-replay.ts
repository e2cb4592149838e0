/**
 * Copies of requests in this worker: for a recording, and for candidates that run beside the live rules.
 *
 * ```
 * exchange begins ─► in the sample? ─► copy ─► request ends ─► thread: mask, run ─► supervisor's process
 *                       no: nothing                no room: counted
 * ```
 *
 * Nothing waits for any of it: a copy is taken as bytes pass, and looked at when the request is over.
 */
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { type AnswerRoom, Capture } from '#proxy/capture.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import type { RecordedRequest } from '#replay/recorded-request.ts';
import type { ShadowReport } from '#replay/sample-thread.ts';
import { Sampler } from '#replay/sampler.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ToPart } from './part-messages.ts';
import type { WorkerPart, WorkerPartHost } from './worker-parts.ts';

/** Requests that are under way and copied. */
const capturesMax = 256;
/** What copies of answers take, of all these requests. */
const answerBytesMax = 32 * 1_048_576;
/** How long what was recorded waits for more to go with, and how much of it. */
const gatherMs = 100;
const gatherBytesMax = 1_048_576;

export const replayFamilies = {
  recorded: {
    name: 'weir_record_requests_total',
    type: 'counter',
    help: 'Requests that were recorded.',
  },
  dropped: {
    name: 'weir_record_dropped_total',
    type: 'counter',
    help: 'Requests in the sample of a recording or a shadow that found no room on the way.',
  },
  answersCut: {
    name: 'weir_record_answers_cut_total',
    type: 'counter',
    help: 'Bodies of answers of which a recording or a shadow got the beginning, as they were longer than it takes or did not end, or copies had no room.',
  },
} as const satisfies Record<string, MetricFamily>;

/** What of the traffic is recorded. */
export type RecordOrder = {
  readonly id: string;
  readonly sharePercent: number;
  /** Names of routes; none: all. */
  readonly routes: readonly string[];
  /** Of the body of each answer; 0: none of it. */
  readonly answerBytes: number;
};

type Wanted = { readonly isRecorded: boolean; readonly shadows: readonly string[] };

export class WorkerReplay implements WorkerPart {
  readonly name = 'replay';
  readonly #host: WorkerPartHost;
  readonly #recorded: Series;
  readonly #dropped: Series;
  readonly #answersCut: Series;
  readonly #sampler: Sampler;
  readonly #captures = new Map<RequestView, { readonly capture: Capture } & Wanted>();
  /** `looksAtAnswers` is known when the thread has made its two sides. */
  readonly #shadows = new Map<string, { sharePercent: number; looksAtAnswers: boolean }>();
  readonly #answerRoom: AnswerRoom = { leftBytes: answerBytesMax };
  #order: RecordOrder | null = null;
  #bodyBytesMax = 0;
  #payloads: Uint8Array[] = [];
  #payloadBytes = 0;
  /** Of the recording, since the last message. */
  #lost = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(host: WorkerPartHost) {
    const { recorded, dropped, answersCut } = replayFamilies;
    this.#host = host;
    this.#recorded = host.registry.counter(recorded.name, recorded.help);
    this.#dropped = host.registry.counter(dropped.name, dropped.help);
    this.#answersCut = host.registry.counter(answersCut.name, answersCut.help);
    this.#sampler = new Sampler({
      onRecorded: (payload) => this.#gather(payload),
      onShadow: (report) => this.#report(report),
      onFlushed: (recording) => {
        this.flush();
        host.send({ part: 'replay', kind: 'stopped', recording });
        this.#closeIfIdle();
      },
      onFailed: (reason) => this.#fail(reason),
    });
  }

  follow({ waf, routes }: Config): void {
    const windows = routes.map((route) => route.waf.bodyWindowBytes ?? 0);
    // A byte more than rules see says that there was more.
    this.#bodyBytesMax = Math.max(waf.bodyWindowBytes, ...windows) + 1;
  }

  take(message: ToPart): void {
    if (message.part !== 'replay') return;
    switch (message.kind) {
      case 'record':
        this.#order = message.order;
        this.#host.send({ part: 'replay', kind: 'recording', recording: message.order.id });
        return;
      case 'stop':
        if (this.#order?.id === message.recording) this.#order = null;
        this.#sampler.flush(message.recording);
        return;
      case 'shadow':
        this.#shadows.set(message.order.name, {
          sharePercent: message.order.sharePercent,
          looksAtAnswers: false,
        });
        this.#sampler.shadow(message.order);
        return;
      case 'unshadow':
        this.#shadows.delete(message.name);
        this.#sampler.unshadow(message.name);
        this.#closeIfIdle();
    }
  }

  capture(view: RequestView): Capture | null {
    if (this.#order === null && this.#shadows.size === 0) return null;
    const isRecorded = this.#order !== null && isIn(this.#order.sharePercent);
    const shadows: string[] = [];
    let answerBytes = isRecorded ? (this.#order?.answerBytes ?? 0) : 0;
    for (const [name, { sharePercent, looksAtAnswers }] of this.#shadows) {
      if (!isIn(sharePercent)) continue;
      shadows.push(name);
      if (looksAtAnswers) answerBytes = Math.max(answerBytes, this.#bodyBytesMax);
    }
    if (!isRecorded && shadows.length === 0) return null;
    if (this.#captures.size >= capturesMax) {
      this.#drop(isRecorded);
      return null;
    }
    const room = answerBytes === 0 ? null : this.#answerRoom;
    const capture = new Capture(this.#bodyBytesMax, answerBytes, room);
    this.#captures.set(view, { capture, isRecorded, shadows });
    return capture;
  }

  onRequest(record: RequestRecord): void {
    if (this.#captures.size === 0) return;
    const wanted = this.#captures.get(record.view);
    if (wanted === undefined) return;
    this.#captures.delete(record.view);
    wanted.capture.release();
    // Without a route there are no rules, and who left early has shown nothing to judge by.
    if (record.route === null || record.outcome === 'aborted') return;
    const { capture, shadows } = wanted;
    const order = this.#order;
    const isRecorded =
      wanted.isRecorded &&
      order !== null &&
      (order.routes.length === 0 || order.routes.includes(record.route.name));
    if (!isRecorded && shadows.length === 0) return;
    const request = copyOf(record, capture);
    const answerBytes = isRecorded ? order.answerBytes : 0;
    if (!this.#sampler.offer(request, isRecorded, answerBytes, shadows)) this.#drop(isRecorded);
    else if (request.answer === 'cut') this.#answersCut.value++;
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#payloads.length === 0 && this.#lost === 0) return;
    const [payloads, dropped] = [this.#payloads, this.#lost];
    this.#payloads = [];
    this.#payloadBytes = 0;
    this.#lost = 0;
    this.#host.send({ part: 'replay', kind: 'recorded', payloads, dropped });
  }

  #gather(payload: Uint8Array): void {
    this.#recorded.value++;
    this.#payloads.push(payload);
    this.#payloadBytes += payload.length;
    if (this.#payloadBytes >= gatherBytesMax) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), gatherMs).unref();
  }

  #report(report: ShadowReport): void {
    const shadow = this.#shadows.get(report.name);
    if (shadow === undefined) return;
    const { live, candidate } = report.difference.answers;
    shadow.looksAtAnswers = live + candidate > 0;
    this.#host.send({ part: 'replay', kind: 'shadow', report });
  }

  #drop(isRecorded: boolean): void {
    this.#dropped.value++;
    if (!isRecorded) return;
    this.#lost++;
    this.#timer ??= setTimeout(() => this.flush(), gatherMs).unref();
  }

  /** The supervisor's half gives its orders anew, to a thread that is new. */
  #fail(reason: string): void {
    this.#host.log.error({ reason }, 'the thread that looks at sampled requests ended');
    this.#shadows.clear();
    this.flush();
    this.#host.send({ part: 'replay', kind: 'failed', reason });
  }

  #closeIfIdle(): void {
    if (this.#order === null && this.#shadows.size === 0) this.#sampler.close();
  }
}

const isIn = (sharePercent: number): boolean =>
  sharePercent >= 100 || Math.random() * 100 < sharePercent;

function copyOf(record: RequestRecord, capture: Capture): RecordedRequest {
  const { view, facts, id, client, status, outcome, route, found } = record;
  const { certificate } = facts;
  // An answer of the edge's own was not captured, and there is none to look at.
  const answer = capture.responseHead === null ? null : capture.answer;
  return {
    ...{ id, atMs: wallMs(), client, tls: facts.isTls, ja4: facts.ja4 },
    certificate:
      certificate === null
        ? null
        : {
            subject: certificate.subject,
            sha256: certificate.sha256,
            verified: certificate.verified,
          },
    major: view.major === 2 ? 2 : 1,
    chunked: view.chunked,
    body: capture.isWhole ? 'whole' : 'cut',
    route: route?.name ?? '',
    ...{ status, outcome, rule: found?.rule ?? '' },
    head: Buffer.from(view.bytes.subarray(view.start, view.end)),
    bytes: capture.body(),
    responseHead: capture.responseHead,
    ...(answer && { answer: answer.isWhole ? 'whole' : 'cut', answerBytes: answer.bytes }),
  };
}
