/**
 * One request's way through a module alone: the phases it has, in the order of the edge, until one of them
 * stops the request.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import { type RequestFacts, Transaction } from '#waf/transaction.ts';
import { type Stop, statusOfStop } from '#waf/verdict.ts';
import { type BodyWindow, type Filter, type LogRecord, phase } from '#wasm/filter.ts';
import { bodyOf, factsOf, requestViewOf, responseViewOf, windowsOf } from './case-messages.ts';
import type { CaseStep } from './case-schema.ts';

/** Everything of a request and its response, ready to be handed over again and again. */
export type PreparedRequest = {
  readonly view: RequestView;
  readonly facts: RequestFacts;
  /** Empty for a request without a body. */
  readonly body: readonly BodyWindow[];
  readonly response: {
    readonly view: ResponseView;
    readonly body: readonly BodyWindow[];
  } | null;
};

export function prepareRequest(
  { request, response }: Pick<CaseStep, 'request' | 'response'>,
  windowBytes: number,
): PreparedRequest {
  return {
    view: requestViewOf(request),
    facts: factsOf(request),
    body: windowsIn(request, windowBytes),
    response:
      response === undefined
        ? null
        : { view: responseViewOf(response), body: windowsIn(response, windowBytes) },
  };
}

type BodyOfCase = Parameters<typeof bodyOf>[0] & { chunks?: number[]; trailers?: string[][] };

function windowsIn(message: BodyOfCase, bytes: number) {
  const body = bodyOf(message);
  const { chunks, trailers } = message;
  return body === null ? [] : [...windowsOf(body, chunks, bytes, trailers)];
}

export const transactionOf = ({ view, facts }: PreparedRequest): Transaction =>
  new Transaction(view, facts, 'case', '* /', 'app', false);

/** `wait`: the module wants to, and here nothing ever comes. */
export function runPhases(
  module: Filter,
  prepared: PreparedRequest,
  transaction: Transaction,
): Stop | 'wait' | null {
  const { body, response } = prepared;
  const { phases } = module;
  const run = module.begin(transaction, () => {});
  const startedAt = performance.now();
  let stop: Stop | 'wait' | null = null;
  if ((phases & phase.requestHead) !== 0) stop = run.requestHead(body.length === 0);
  if ((phases & phase.requestBody) !== 0)
    for (let i = 0; i < body.length && stop === null; i++)
      stop = run.requestBody(body[i] as BodyWindow);
  if (response !== null && stop === null) {
    transaction.response = response.view;
    const answered = response.body;
    if ((phases & phase.responseHead) !== 0) stop = run.responseHead(answered.length === 0);
    if ((phases & phase.responseBody) !== 0)
      for (let i = 0; i < answered.length && stop === null; i++)
        stop = run.responseBody(answered[i] as BodyWindow);
  }
  if ((phases & phase.log) !== 0)
    run.log(recordOf(prepared, stop === 'wait' ? null : stop, performance.now() - startedAt));
  run.end();
  return stop;
}

function recordOf(
  { body, response }: PreparedRequest,
  stop: Stop | null,
  durationMs: number,
): LogRecord {
  return {
    status: stop === null ? (response?.view.status ?? 200) : statusOfStop(stop),
    outcome: stop === null ? 'forwarded' : 'blocked',
    bytesIn: bytesOf(body),
    bytesOut: response === null ? 0 : bytesOf(response.body),
    durationMs,
    wafMs: durationMs,
    rule: stop?.rule ?? '',
  };
}

function bytesOf(windows: readonly BodyWindow[]): number {
  const last = windows.at(-1);
  return last === undefined ? 0 : last.position + last.bytes.length - last.overlap;
}
