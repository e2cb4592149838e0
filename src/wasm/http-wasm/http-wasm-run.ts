/**
 * One request's way through an http-wasm guest.
 *
 * ```
 * requestHead ─┬─► handle_request ─► next = 0: an answer
 * requestBody ─┘         │
 *                     next = 1 ─► responseHead ─┬─► handle_response ─► guest back to the pool
 *                                 responseBody ─┘        ▲
 *                                 log, end ──────────────┘ where no response came: isError
 * ```
 *
 * A guest that may look at the body is called once the body is there, as far as it is held back; one that
 * has asked for the response is called once that is whole, any other as soon as its head has come.
 */
import { ownFields } from '#core/own-fields.ts';
import { withRequestLine } from '#waf/request-line.ts';
import { type FieldEdit, fieldEditsMax, type Transaction } from '#waf/transaction.ts';
import type { LocalAnswer, Stop } from '#waf/verdict.ts';
import {
  type BodyWindow,
  type FilterRun,
  type LogRecord,
  type PhaseAnswer,
  phase,
  type Resume,
} from '../filter.ts';
import { GuestFailure } from '../guest-failure.ts';
import { feature } from './abi.ts';
import { HttpGuest } from './guest.ts';
import { HttpExchange, noBody, type ReadableBody } from './http-exchange.ts';
import type { HttpWasmModule } from './http-wasm-module.ts';
import { MessageFields } from './message-fields.ts';

export class HttpWasmRun implements FilterRun {
  readonly #module: HttpWasmModule;
  readonly #exchange: HttpExchange;
  readonly #resume: Resume;
  #guest: HttpGuest | null = null;
  /** What the guest wants to hear in handle_response. */
  #context = 0;
  #state: 'new' | 'waiting' | 'next' | 'done' = 'new';

  constructor(module: HttpWasmModule, transaction: Transaction, resume: Resume) {
    this.#module = module;
    this.#exchange = new HttpExchange(
      transaction,
      module.features,
      module.featuresAvailable,
      module.headBytesMax,
    );
    this.#resume = resume;
  }

  requestHead(endOfStream: boolean): PhaseAnswer {
    if (!endOfStream && (this.#module.phases & phase.requestBody) !== 0) return null;
    return this.#start({ ...noMore, isWhole: endOfStream });
  }

  requestBody(window: BodyWindow): PhaseAnswer {
    if (this.#state !== 'new') return null;
    const { replacedRequestBody, changedRequestTrailers } = this.#exchange.transaction;
    return this.#start(readable(window, replacedRequestBody, changedRequestTrailers));
  }

  responseHead(endOfStream: boolean): PhaseAnswer {
    if (this.#state !== 'next') return null;
    const isBuffered = (this.#exchange.features & feature.bufferResponse) !== 0;
    if (isBuffered && !endOfStream) return null;
    return this.#finish({ ...noMore });
  }

  responseBody(window: BodyWindow): PhaseAnswer {
    if (this.#state !== 'next') return null;
    const { replacedResponseBody, changedResponseTrailers } = this.#exchange.transaction;
    return this.#finish(readable(window, replacedResponseBody, changedResponseTrailers));
  }

  log(_record: LogRecord): void {
    this.#giveUp();
  }

  end(): void {
    this.#giveUp();
  }

  #start(body: ReadableBody): PhaseAnswer {
    try {
      this.#guest = this.#module.pool.take(this.#onGuest);
    } catch (error) {
      return this.#failed(error);
    }
    if (this.#guest !== null) return this.#handleRequest(body);
    this.#state = 'waiting';
    // The window is borrowed during the call.
    this.#exchange.requestBody = { ...body, bytes: Buffer.from(body.bytes) };
    return 'wait';
  }

  readonly #onGuest = (guest: HttpGuest | GuestFailure): void => {
    if (this.#state !== 'waiting') {
      if (guest instanceof HttpGuest) this.#module.pool.give(guest);
      return;
    }
    if (guest instanceof GuestFailure) {
      this.#resume(this.#failed(guest));
      return;
    }
    this.#guest = guest;
    this.#resume(this.#handleRequest(this.#exchange.requestBody));
  };

  #handleRequest(body: ReadableBody): Stop | null {
    const exchange = this.#exchange;
    const guest = this.#guest as HttpGuest;
    exchange.requestBody = body;
    try {
      const { context, next } = guest.handleRequest(exchange);
      if (!next) {
        const stop = this.#answer();
        this.#release();
        return stop;
      }
      this.#commitRequest(body.isWhole);
      this.#context = context;
      this.#state = 'next';
      return null;
    } catch (error) {
      return this.#failed(error);
    } finally {
      exchange.requestBody = noMore;
    }
  }

  #finish(body: ReadableBody): Stop | null {
    const exchange = this.#exchange;
    if (!body.isWhole && (exchange.features & feature.bufferResponse) !== 0)
      return this.#tooLong(body);
    exchange.responseBody = body;
    exchange.hasResponse = true;
    try {
      (this.#guest as HttpGuest).handleResponse(exchange, this.#context, false);
      const stop = this.#commitResponse(body);
      this.#release();
      return stop;
    } catch (error) {
      return this.#failed(error);
    } finally {
      exchange.responseBody = noMore;
      exchange.hasResponse = false;
    }
  }

  /** The guest has asked for the whole response and cannot have it; it is told as of one that failed. */
  #tooLong(body: ReadableBody): Stop | null {
    this.#giveUp();
    const held = body.bytes.length;
    return this.#module.onGuestFailure(
      new GuestFailure(
        'capacity',
        `the response body is longer than the ${held} bytes that are held back for modules`,
      ),
    );
  }

  /** No response came, or none that this guest was shown. */
  #giveUp(): void {
    if (this.#state === 'waiting') this.#module.pool.leave(this.#onGuest);
    if (this.#state !== 'next') {
      this.#state = 'done';
      return;
    }
    this.#exchange.features &= ~feature.bufferResponse;
    try {
      (this.#guest as HttpGuest).handleResponse(this.#exchange, this.#context, true);
      this.#release();
    } catch (error) {
      // Counted and reported; there is nobody left to answer.
      this.#failed(error);
    }
  }

  #release(): void {
    this.#state = 'done';
    const guest = this.#guest;
    this.#guest = null;
    if (guest !== null) this.#module.pool.give(guest);
  }

  /** Throws what is not the guest's doing. */
  #failed(error: unknown): Stop | null {
    this.#state = 'done';
    const guest = this.#guest;
    this.#guest = null;
    if (guest !== null) this.#module.pool.discard(guest);
    return this.#module.onGuestFailure(error);
  }

  #commitRequest(isWhole: boolean): void {
    const { transaction, requestEdits, responseEdits } = this.#exchange;
    if (this.#exchange.written('response') !== null) {
      throw new GuestFailure(
        'unsupported',
        'handle_request wrote a response body and then let the request go on: one or the other',
      );
    }
    const body = this.#exchange.written('request');
    if (body !== null && !isWhole) {
      throw new GuestFailure(
        'capacity',
        'write_body: the request body is longer than what is held back for modules, it cannot be replaced',
      );
    }
    checkRoom(transaction.requestEdits, requestEdits);
    checkRoom(transaction.responseEdits, responseEdits);
    const trailers = this.#exchange.changedTrailers('request');
    const { newLine } = this.#exchange;
    if (newLine !== null) transaction.request = withRequestLine(transaction.request, newLine);
    if (body !== null) transaction.replacedRequestBody = body;
    if (trailers !== null) transaction.changedRequestTrailers = trailers;
    for (const edit of requestEdits) transaction.editRequest(edit);
    for (const edit of responseEdits) transaction.editResponse(edit);
  }

  #commitResponse(body: ReadableBody): Stop | null {
    const exchange = this.#exchange;
    const { transaction, status } = exchange;
    const written = exchange.written('response');
    const trailers = exchange.changedTrailers('response');
    // A response's status line is fixed once it has come, so another status is another response.
    if (status !== 0 && status !== transaction.response?.status) {
      if (trailers !== null)
        throw new GuestFailure('unsupported', 'another status and trailers: one or the other');
      return this.#localAnswer(status, exchange.responseFields, written ?? Buffer.from(body.bytes));
    }
    checkRoom(transaction.responseEdits, exchange.responseEdits);
    if (written !== null) transaction.replacedResponseBody = written;
    if (trailers !== null) transaction.changedResponseTrailers = trailers;
    for (const edit of exchange.responseEdits) transaction.editResponse(edit);
    return null;
  }

  #answer(): LocalAnswer {
    const { responseEdits, status } = this.#exchange;
    const body = this.#exchange.written('response') ?? noBody;
    return this.#localAnswer(
      status === 0 ? 200 : status,
      new MessageFields(null, responseEdits),
      body,
    );
  }

  #localAnswer(status: number, fields: MessageFields, body: Buffer): LocalAnswer {
    if (body.length > 0 && (status === 204 || status === 205 || status === 304))
      throw new GuestFailure('abi', `a response with status ${status} has no body`);
    return {
      kind: 'answer',
      status,
      rule: `${this.#module.name}/answer`,
      reason: 'the module answered the request itself',
      target: 'module',
      matched: '',
      fields: contentFields(fields),
      body,
    };
  }
}

const noMore: ReadableBody = { bytes: noBody, isWhole: true, at: 0, trailers: [] };

/** As the modules before have left it. A body that one of them replaced is whole, and its trailers were the other's. */
function readable(
  { bytes, isWhole, trailers = [] }: BodyWindow,
  replaced: Buffer | null,
  changed: readonly string[] | null,
): ReadableBody {
  const came = replaced === null ? trailers : [];
  return { bytes: replaced ?? bytes, isWhole, at: 0, trailers: changed ?? came };
}

/** Checked before anything is changed, so that a failure leaves nothing half done. */
function checkRoom(before: readonly FieldEdit[], ours: readonly FieldEdit[]): void {
  if (before.length + ours.length > fieldEditsMax) {
    throw new GuestFailure(
      'capacity',
      `the modules of this request change more than ${fieldEditsMax} headers`,
    );
  }
}

/** What describes the content: neither framing, nor what was said of one connection, nor the edge's own. */
function contentFields(fields: MessageFields): LocalAnswer['fields'] {
  const hop = new Set(
    fields
      .values('connection')
      .flatMap((value) => value.toLowerCase().split(','))
      .map((name) => name.trim()),
  );
  return fields.all().filter(([name]) => !ownFields.has(name) && !hop.has(name));
}
