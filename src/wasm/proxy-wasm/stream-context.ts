/**
 * One request as a proxy-wasm guest holds it: its maps, its bodies, its own properties, and whether it
 * waits for something.
 */
import {
  type RequestLine,
  requestLineOf,
  requestLineProblem,
  withRequestLine,
} from '#waf/request-line.ts';
import {
  type FieldEdit,
  fieldEditsMax,
  type Transaction,
  trailerBytesMax,
} from '#waf/transaction.ts';
import type { LocalAnswer, Stop } from '#waf/verdict.ts';
import type { PhaseAnswer, Resume } from '../filter.ts';
import { bufferType } from './abi.ts';
import type { BodyBuffer } from './body-buffer.ts';
import { HeaderMap, linePairs } from './header-map.ts';
import type { Pair } from './pairs.ts';

/** Each is another head. */
export const lineChangesMax = 16;

/** Where in its life a request is; what a guest may do depends on it. */
export type StreamPhase = 'requestHead' | 'requestBody' | 'responseHead' | 'responseBody' | 'log';

export class StreamContext {
  readonly id: number;
  readonly transaction: Transaction;
  readonly resume: Resume;
  readonly startedNanoseconds: bigint;
  readonly requestHeaders: HeaderMap;
  readonly own = new Map<string, Buffer>();
  responseHeaders: HeaderMap | null = null;
  /** While the guest is called with them. */
  requestTrailers: HeaderMap | null = null;
  responseTrailers: HeaderMap | null = null;
  /** What comes behind a body that the guest has paused, once it lets it go on. */
  afterBody: (() => PhaseAnswer) | null = null;
  responseStatus = 0;
  body: { readonly type: number; readonly buffer: BodyBuffer } | null = null;
  phase: StreamPhase = 'requestHead';
  /** Fields of the head that this phase comes before can still be changed. */
  canChangeRequestHead = true;
  canChangeResponseHead = false;
  /** The response's head has not been sent. */
  canAnswer = true;
  /** The guest gave an answer of its own. */
  answer: LocalAnswer | null = null;
  /** The guest said to go on, in or after the phase that it paused. */
  isContinued = false;
  /** The host was told `wait` and is owed one call of `resume`. */
  isWaiting = false;
  /** Calls of `proxy_http_call` whose responses are not there yet. */
  calls = 0;
  #lineChanges = 0;
  readonly #headBytesMax: number;

  constructor(
    id: number,
    transaction: Transaction,
    resume: Resume,
    startedNanoseconds: bigint,
    headBytesMax: number,
    refuse: (what: string) => void,
  ) {
    this.id = id;
    this.transaction = transaction;
    this.resume = resume;
    this.startedNanoseconds = startedNanoseconds;
    this.#headBytesMax = headBytesMax;
    this.#refuse = refuse;
    this.requestHeaders = new HeaderMap({
      load: () => requestPairs(transaction),
      line: {
        view: () => transaction.request,
        change: (change) => this.changeLine(change),
      },
      edits: () => transaction.requestEdits,
      edit: (edit) => transaction.editRequest(edit),
      isOpen: () => this.canChangeRequestHead,
      refuse,
    });
  }

  readonly #refuse: (what: string) => void;

  /** Of what the modules behind see and the upstream gets. Null when it is as wanted, else why it is not. */
  changeLine(change: Partial<RequestLine>): string | null {
    const { transaction } = this;
    const line = requestLineOf(transaction.request);
    const wanted = { ...line, ...change };
    // A map that is read, changed and written back as a whole holds both as well.
    if (wanted.method === line.method && wanted.uri === line.uri) return null;
    if (!this.canChangeRequestHead) return 'the head has been sent';
    if (this.#lineChanges >= lineChangesMax)
      return `the request line was changed ${lineChangesMax} times already`;
    const problem = requestLineProblem(transaction.request, wanted, this.#headBytesMax);
    if (problem !== null) return problem;
    this.#lineChanges++;
    transaction.request = withRequestLine(transaction.request, wanted);
    return null;
  }

  /** The response's head is there; its fields are copied when the guest first asks, while it is. */
  openResponse(): void {
    const { response } = this.transaction;
    if (response === null) return;
    this.responseStatus = response.status;
    this.responseHeaders = new HeaderMap({
      load: () => responsePairs(this.transaction),
      edits: () => this.transaction.responseEdits,
      edit: (edit) => this.transaction.editResponse(edit),
      isOpen: () => this.canChangeResponseHead,
      refuse: this.#refuse,
    });
  }

  /** Ends a wait; nothing where nobody waits. */
  wake(answer: Stop | null): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.isContinued = false;
    this.answer = null;
    if (answer === null) this.commitBody();
    const { afterBody } = this;
    this.afterBody = null;
    const next = answer === null && afterBody !== null ? afterBody() : answer;
    if (next !== 'wait') this.resume(next);
  }

  /** Null where the guest left them as they came. */
  changedTrailers(
    which: 'requestTrailers' | 'responseTrailers',
    trailers: readonly string[],
    call: () => void,
  ): readonly string[] | null {
    const edits: FieldEdit[] = [];
    let bytes = trailers.reduce((sum, text) => sum + text.length, 0);
    const takes = ({ name, value }: FieldEdit): boolean => {
      bytes += name.length + value.length;
      return edits.length < fieldEditsMax && bytes <= trailerBytesMax;
    };
    const map = new HeaderMap({
      load: () => pairsOf(trailers),
      edits: () => edits,
      edit: (edit) => takes(edit) && edits.push(edit) > 0,
      isOpen: () => true,
      refuse: this.#refuse,
    });
    this[which] = map;
    try {
      call();
    } finally {
      this[which] = null;
    }
    return edits.length === 0 ? null : map.pairs().flat();
  }

  /** What the guest has made of a body goes on in the place of what came. */
  commitBody(): void {
    const { body } = this;
    this.body = null;
    if (body === null || !body.buffer.isChanged) return;
    if (body.type === bufferType.requestBody)
      this.transaction.replacedRequestBody = body.buffer.bytes;
    else this.transaction.replacedResponseBody = body.buffer.bytes;
  }
}

function pairsOf(fields: readonly string[]): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2)
    pairs.push([(fields[i] as string).toLowerCase(), fields[i + 1] as string]);
  return pairs;
}

function requestPairs({ request, facts }: Transaction): Pair[] {
  const pairs: Pair[] = [...linePairs(request), [':scheme', facts.tls ? 'https' : 'http']];
  const { bytes, hostStart, hostEnd } = request;
  if (hostStart >= 0) pairs.push([':authority', bytes.toString('latin1', hostStart, hostEnd)]);
  for (let i = 0; i < request.headerCount; i++) {
    const name = request.headerName(i).toLowerCase();
    if (name !== 'host') pairs.push([name, request.headerValue(i)]);
  }
  return pairs;
}

function responsePairs({ response }: Transaction): Pair[] {
  if (response === null) return [];
  const pairs: Pair[] = [[':status', String(response.status)]];
  for (let i = 0; i < response.headerCount; i++)
    pairs.push([response.headerName(i).toLowerCase(), response.headerValue(i)]);
  return pairs;
}
