/**
 * One request's way through a proxy-wasm guest.
 *
 * Envoy holds a message for as long as a filter pauses it, and gives the filter all that has come. Here a
 * phase is one call: what a pause means is worked out from what the guest has asked for.
 *
 * ```
 * Pause in a head ──┬─ a local response was sent ──────────────► answer it
 *                   ├─ the guest said to continue ─────────────► go on
 *                   ├─ no call is under way and a body comes ──► the guest sees the body (all of it is held)
 *                   └─ else ───────────────────────────────────► wait, until it says so
 * Pause in a body ──┬─ it is whole ────────────────────────────► as above
 *                   ├─ a request's, longer than is held ───────► 413, or pass where the policy is open
 *                   └─ a response's that is not held ──────────► collected for the guest, and passes
 * ```
 */
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import {
  type BodyWindow,
  type FilterRun,
  type LogRecord,
  type PhaseAnswer,
  phase,
  type Resume,
} from '../filter.ts';
import { GuestFailure } from '../guest-failure.ts';
import { bufferType } from './abi.ts';
import { BodyBuffer } from './body-buffer.ts';
import type { ProxyWasmFilter } from './filter.ts';
import type { ProxyGuest } from './guest.ts';
import { StreamContext } from './stream-context.ts';

/** Of a response that passes while the guest collects it. */
export const collectedBytesMax = 1024 * 1024;

/** What a guest may answer; anything else is a failure. */
const headerActions = { goOn: 0, pauses: [1, 3, 4] } as const;
const bodyActions = { goOn: 0, pauses: [1, 2, 3] } as const;
const noBytes = Buffer.alloc(0);

export class ProxyWasmRun implements FilterRun {
  readonly #filter: ProxyWasmFilter;
  readonly #transaction: Transaction;
  readonly #resume: Resume;
  #guest: ProxyGuest | null = null;
  #context: StreamContext | null = null;
  /** The instance failed under this request, or could not take it: it is not called any more. */
  #isLost = false;
  /** A body that the guest wants whole and cannot have. */
  #skipsBody = false;
  #collected: Buffer = noBytes;

  constructor(filter: ProxyWasmFilter, transaction: Transaction, resume: Resume) {
    this.#filter = filter;
    this.#transaction = transaction;
    this.#resume = resume;
  }

  requestHead(endOfStream: boolean): PhaseAnswer {
    try {
      const context = this.#enter();
      if (context === null) return this.#lost();
      const { headerCount } = this.#transaction.request;
      return this.#head('proxy_on_request_headers', context, headerCount + 3, endOfStream);
    } catch (error) {
      return this.#fail(error);
    }
  }

  requestBody(window: BodyWindow): PhaseAnswer {
    if (this.#skipsBody) return null;
    try {
      const context = this.#enter();
      if (context === null) return this.#lost();
      context.phase = 'requestBody';
      context.canChangeRequestHead = window.isFirst;
      const whole = this.#transaction.replacedRequestBody;
      const bytes = window.isWhole && whole !== null ? whole : freshOf(window);
      return this.#body(
        'proxy_on_request_body',
        context,
        new BodyBuffer(bytes, window.isWhole),
        window,
      );
    } catch (error) {
      return this.#fail(error);
    }
  }

  responseHead(endOfStream: boolean): PhaseAnswer {
    this.#skipsBody = false;
    try {
      const context = this.#enter();
      if (context === null) return this.#lost();
      context.phase = 'responseHead';
      context.canChangeRequestHead = false;
      context.canChangeResponseHead = true;
      context.openResponse();
      if (this.#filter.readsFieldsInLog) context.responseHeaders?.pairs();
      const count = (this.#transaction.response?.headerCount ?? 0) + 1;
      return this.#head('proxy_on_response_headers', context, count, endOfStream);
    } catch (error) {
      return this.#fail(error);
    }
  }

  responseBody(window: BodyWindow): PhaseAnswer {
    if (this.#skipsBody) return null;
    try {
      const context = this.#enter();
      if (context === null) return this.#lost();
      context.phase = 'responseBody';
      context.canChangeRequestHead = false;
      context.canChangeResponseHead = window.isFirst;
      const isHeld = window.isWhole && (this.#filter.phases & phase.buffersResponse) !== 0;
      const whole = this.#transaction.replacedResponseBody;
      let bytes = isHeld && whole !== null ? whole : freshOf(window);
      if (this.#collected.length > 0) bytes = Buffer.concat([this.#collected, bytes]);
      return this.#body('proxy_on_response_body', context, new BodyBuffer(bytes, isHeld), window);
    } catch (error) {
      return this.#fail(error);
    }
  }

  log(_record: LogRecord): void {
    try {
      const context = this.#enter();
      if (context === null || this.#guest === null) return;
      context.phase = 'log';
      context.canChangeRequestHead = false;
      context.canChangeResponseHead = false;
      context.canAnswer = false;
      context.isWaiting = false;
      context.body = null;
      this.#guest.log(context);
    } catch (error) {
      // Counted and reported; the answer is with the client already.
      this.#fail(error);
    }
  }

  end(): void {
    const context = this.#context;
    if (context === null) return;
    context.isWaiting = false;
    context.body = null;
    try {
      this.#guest?.delete(context);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The request's context, made with its first phase; null when the guest is not to be called. */
  #enter(): StreamContext | null {
    if (this.#isLost) return null;
    if (this.#context !== null) {
      this.#context.isContinued = false;
      // The host has given up on a wait, or answered it itself.
      this.#context.isWaiting = false;
      return this.#guest?.failure === null ? this.#context : null;
    }
    const guest = this.#filter.guest();
    const id = guest.nextContextId();
    if (id === null) {
      this.#isLost = true;
      throw new GuestFailure('limit', 'it holds as many requests as it may');
    }
    const { wallNanoseconds } = this.#filter.services;
    const context = new StreamContext(
      id,
      this.#transaction,
      this.#resume,
      wallNanoseconds(),
      this.#filter.headBytesMax,
      (what) => guest.refuse(what),
    );
    this.#guest = guest;
    this.#context = context;
    guest.open(context);
    return context;
  }

  #head(
    name: 'proxy_on_request_headers' | 'proxy_on_response_headers',
    context: StreamContext,
    fields: number,
    endOfStream: boolean,
  ): PhaseAnswer {
    const guest = this.#guest as ProxyGuest;
    const action = guest.phase(name, context, fields, endOfStream);
    const answer = takeAnswer(context);
    if (answer !== null) return answer;
    if (!this.#pauses(action, headerActions, name)) return null;
    if (context.isContinued || this.#seesBodyNext(name, context, endOfStream)) {
      context.isContinued = false;
      return null;
    }
    context.isWaiting = true;
    return 'wait';
  }

  #body(
    name: 'proxy_on_request_body' | 'proxy_on_response_body',
    context: StreamContext,
    buffer: BodyBuffer,
    window: BodyWindow,
  ): PhaseAnswer {
    const guest = this.#guest as ProxyGuest;
    const isRequest = name === 'proxy_on_request_body';
    context.body = { type: isRequest ? bufferType.requestBody : bufferType.responseBody, buffer };
    const action = guest.phase(name, context, buffer.bytes.length, window.isLast);
    const answer = takeAnswer(context);
    this.#collected = noBytes;
    if (answer !== null) return answer;
    if (!this.#pauses(action, bodyActions, name) || context.isContinued) {
      context.isContinued = false;
      context.commitBody();
      return this.#trailers(isRequest, context, window);
    }
    if (buffer.canChange) {
      // The window is the host's again when this call returns.
      buffer.bytes = buffer.isChanged ? buffer.bytes : Buffer.from(buffer.bytes);
      context.isWaiting = true;
      context.afterBody = () => this.#afterBody(isRequest, context, window);
      return 'wait';
    }
    context.body = null;
    if (isRequest) return this.#tooLong();
    this.#collect(buffer, window);
    return this.#trailers(isRequest, context, window);
  }

  #afterBody(isRequest: boolean, context: StreamContext, window: BodyWindow): PhaseAnswer {
    try {
      return this.#trailers(isRequest, context, window);
    } catch (error) {
      return this.#fail(error);
    }
  }

  /**
   * After the body, of which the guest has been told that it is whole. Envoy tells it so only where no trailers
   * come, and a guest that waits for the end to look at a body is got round by adding some.
   */
  #trailers(isRequest: boolean, context: StreamContext, window: BodyWindow): PhaseAnswer {
    const guest = this.#guest as ProxyGuest;
    const transaction = this.#transaction;
    const name = isRequest ? 'proxy_on_request_trailers' : 'proxy_on_response_trailers';
    const came = isRequest
      ? transaction.changedRequestTrailers
      : transaction.changedResponseTrailers;
    const trailers = came ?? window.trailers;
    if (trailers === undefined || !window.isLast || !guest.has(name)) return null;
    context.canChangeRequestHead = isRequest && window.isFirst;
    let action: number = headerActions.goOn;
    const changed = context.changedTrailers(
      isRequest ? 'requestTrailers' : 'responseTrailers',
      trailers,
      () => {
        action = guest.trailers(name, context, trailers.length / 2);
      },
    );
    if (changed !== null && isRequest) transaction.changedRequestTrailers = changed;
    else if (changed !== null) transaction.changedResponseTrailers = changed;
    const answer = takeAnswer(context);
    if (answer !== null) return answer;
    if (!this.#pauses(action, headerActions, name) || context.isContinued) {
      context.isContinued = false;
      return null;
    }
    context.isWaiting = true;
    return 'wait';
  }

  /** The rest of a request's body would pass the guest by, which wants to see all of it first. */
  #tooLong(): Stop | null {
    this.#skipsBody = true;
    if (this.#filter.failure === 'open') return null;
    return {
      kind: 'block',
      status: 413,
      rule: `${this.#filter.name}/body-too-long`,
      reason: 'the module wants to see the whole body, which is longer than waf.bodyWindowBytes',
      target: 'body',
      matched: '',
    };
  }

  /** What it pauses has passed already; it gets it all at once when the end is there. */
  #collect(buffer: BodyBuffer, window: BodyWindow): void {
    if (window.isLast) return;
    if (buffer.bytes.length > collectedBytesMax) {
      this.#skipsBody = true;
      this.#guest?.refuse(
        `proxy_on_response_body: a response longer than ${collectedBytesMax} bytes is not collected`,
      );
      return;
    }
    this.#collected = Buffer.from(buffer.bytes);
  }

  #seesBodyNext(name: string, context: StreamContext, endOfStream: boolean): boolean {
    if (endOfStream || context.calls > 0) return false;
    const bit = name === 'proxy_on_request_headers' ? phase.requestBody : phase.responseBody;
    return (this.#filter.phases & bit) !== 0;
  }

  #pauses(
    action: number,
    actions: { readonly goOn: number; readonly pauses: readonly number[] },
    name: string,
  ): boolean {
    if (action === actions.goOn) return false;
    if (actions.pauses.includes(action)) return true;
    throw new GuestFailure('abi', `${name} answered ${action}, which is no action this host knows`);
  }

  /** The instance failed in another request's call, or before. */
  #lost(): Stop | null {
    const isNew = !this.#isLost;
    this.#isLost = true;
    const failure = this.#guest?.failure;
    return isNew && failure ? this.#filter.policy(failure) : null;
  }

  #fail(error: unknown): Stop | null {
    const guest = this.#guest;
    this.#isLost = true;
    if (this.#context !== null) this.#context.isWaiting = false;
    return this.#filter.onGuestFailure(guest, error);
  }
}

function takeAnswer(context: StreamContext): Stop | null {
  const { answer } = context;
  context.answer = null;
  return answer;
}

function freshOf(window: BodyWindow): Buffer {
  return window.overlap === 0 ? window.bytes : window.bytes.subarray(window.overlap);
}
