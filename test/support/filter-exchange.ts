/**
 * One request and its response through a filter, phase by phase as the edge does it, without an edge: what
 * the filter stopped, what it changed.
 */
import { ResponseView } from '#waf/response-view.ts';
import { type FieldEdit, Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type BodyWindow, type Filter, type PhaseAnswer, phase } from '#wasm/filter.ts';
import { type RequestParts, viewOf } from './view.ts';

export type ExchangeParts = {
  readonly request: RequestParts & {
    readonly body?: string;
    /** Names and values in turn. */
    readonly trailers?: readonly string[];
  };
  /** Null: none comes. */
  readonly response?: {
    readonly status?: number;
    readonly headers?: readonly (readonly [string, string])[];
    readonly body?: string;
  } | null;
  readonly clientAddress?: string;
  /** A longer body comes in several windows. */
  readonly windowBytes?: number;
};

export type ExchangeResult = {
  /** What ended it, and in which phase. */
  readonly stop: Stop | null;
  readonly stoppedIn: string;
  readonly transaction: Transaction;
  readonly requestEdits: readonly FieldEdit[];
  readonly responseEdits: readonly FieldEdit[];
};

const noOutcome = { bytesIn: 0, bytesOut: 0, durationMs: 0, wafMs: 0, rule: '' };

export async function exchangeThrough(
  filter: Filter,
  parts: ExchangeParts,
): Promise<ExchangeResult> {
  const { request, response = {}, clientAddress = '192.0.2.1', windowBytes = 131_072 } = parts;
  const facts = { clientAddress, tls: false };
  const transaction = new Transaction(viewOf(request), facts, 'id', 'route', 'app', false);
  let resumed: (answer: Stop | null) => void = () => undefined;
  const run = filter.begin(transaction, (answer) => resumed(answer));
  const settle = (answer: PhaseAnswer): Promise<Stop | null> | Stop | null => {
    if (answer !== 'wait') return answer;
    const { promise, resolve } = Promise.withResolvers<Stop | null>();
    resumed = resolve;
    return promise;
  };
  let stop: Stop | null = null;
  let stoppedIn = '';
  const phases: [string, number, () => PhaseAnswer][] = [];
  const body = Buffer.from(request.body ?? '', 'latin1');
  const isEmpty = request.body === undefined;
  phases.push(['request head', phase.requestHead, () => run.requestHead(isEmpty)]);
  if (!isEmpty)
    phases.push([
      'request body',
      phase.requestBody,
      () => run.requestBody(windowOf(body, windowBytes, request.trailers)),
    ]);
  if (response !== null) {
    const answer = Buffer.from(response.body ?? '', 'latin1');
    const bodyless = response.body === undefined;
    phases.push([
      'response head',
      phase.responseHead,
      () => {
        transaction.response = responseViewOf(response.status ?? 200, response.headers ?? []);
        return run.responseHead(bodyless);
      },
    ]);
    if (!bodyless)
      phases.push([
        'response body',
        phase.responseBody,
        () => run.responseBody(windowOf(answer, windowBytes)),
      ]);
  }
  for (const [name, bit, call] of phases) {
    if ((filter.phases & bit) === 0) continue;
    stop = await settle(call());
    stoppedIn = stop === null ? '' : name;
    if (stop !== null) break;
  }
  if ((filter.phases & phase.log) !== 0)
    run.log({ ...noOutcome, status: 200, outcome: stop === null ? 'forwarded' : 'blocked' });
  run.end();
  const { requestEdits, responseEdits } = transaction;
  return { stop, stoppedIn, transaction, requestEdits, responseEdits };
}

export function windowOf(
  body: Buffer,
  windowBytes: number,
  trailers: readonly string[] = [],
): BodyWindow {
  const isWhole = body.length <= windowBytes;
  return {
    bytes: body.subarray(0, windowBytes),
    overlap: 0,
    position: 0,
    isFirst: true,
    isLast: isWhole,
    isWhole,
    ...(isWhole && trailers.length > 0 ? { trailers } : null),
  };
}

/** Built by joining, each offset noted while its piece is appended. */
export function responseViewOf(
  status: number,
  headers: readonly (readonly [string, string])[],
): ResponseView {
  const view = new ResponseView(Math.max(1, headers.length));
  let text = `HTTP/1.1 ${status} Some Reason\r\n`;
  view.status = status;
  view.reasonStart = 13;
  view.reasonEnd = text.length - 2;
  for (const [index, [name, value]] of headers.entries()) {
    const at = text.length;
    const valueAt = at + name.length + 2;
    view.headers.set([at, at + name.length, valueAt, valueAt + value.length], index * 4);
    text += `${name}: ${value}\r\n`;
  }
  view.headerCount = headers.length;
  view.bytes = Buffer.from(`${text}\r\n`, 'latin1');
  view.end = view.bytes.length;
  return view;
}
