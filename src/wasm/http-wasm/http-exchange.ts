/**
 * One request and its response as a guest reads and changes them.
 *
 * What the guest writes is kept here and becomes the transaction's only when its call has ended well, so
 * a guest that fails halfway leaves nothing behind.
 */
import { type RequestLine, requestLineOf, requestLineProblem } from '#waf/request-line.ts';
import {
  type FieldEdit,
  fieldEditsMax,
  type Transaction,
  trailerBytesMax,
} from '#waf/transaction.ts';
import { GuestFailure } from '../guest-failure.ts';
import { feature, writtenBodyBytesMax } from './abi.ts';
import { fieldsOfPairs, MessageFields } from './message-fields.ts';

/** A body as far as it has come, how far the guest has read it, and what came behind it. */
export type ReadableBody = {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  at: number;
  /** Names and values in turn. */
  readonly trailers: readonly string[];
};

export const noBody = Buffer.alloc(0);
const nothing: ReadableBody = { bytes: noBody, isWhole: true, at: 0, trailers: [] };

export type MessageKind = 'request' | 'response';

export class HttpExchange {
  readonly transaction: Transaction;
  /** Bits of `feature`: what is on, and what may still be enabled for this exchange. */
  features: number;
  readonly featuresAvailable: number;
  readonly #headBytesMax: number;
  /** `response` from the moment the guest has let the request go on. */
  stage: MessageKind = 'request';
  /** What the guest made of the response's status, or 0. */
  status = 0;
  /** In handle_response: a response has come, and its view is still filled with it. */
  hasResponse = false;
  requestBody = nothing;
  responseBody = nothing;
  requestEdits: FieldEdit[] = [];
  responseEdits: FieldEdit[] = [];
  #trailerEdits: Record<MessageKind, FieldEdit[]> = { request: [], response: [] };
  /** What the guest makes of the request line; null where it leaves it. */
  newLine: RequestLine | null = null;
  /** Null until the guest writes one; `noBody` pieces count, as writing nothing makes a body empty. */
  #written: Record<MessageKind, Buffer[] | null> = { request: null, response: null };
  #writtenBytes = 0;

  constructor(
    transaction: Transaction,
    features: number,
    featuresAvailable: number,
    headBytesMax: number,
  ) {
    this.transaction = transaction;
    this.#headBytesMax = headBytesMax;
    this.features = features;
    this.featuresAvailable = featuresAvailable;
  }

  /** Before each of the guest's two calls. */
  begin(stage: MessageKind): void {
    this.stage = stage;
    this.status = 0;
    this.requestEdits = [];
    this.responseEdits = [];
    this.#trailerEdits = { request: [], response: [] };
    this.newLine = null;
    this.#written = { request: null, response: null };
    this.#writtenBytes = 0;
  }

  /** Method and URI as the guest sees them. */
  get line(): RequestLine {
    return this.newLine ?? requestLineOf(this.transaction.request);
  }

  /** `call` names who asks. */
  changeLine(call: string, change: Partial<RequestLine>): void {
    const { line } = this;
    const wanted = { ...line, ...change };
    // Plugins exist that write back what they have read.
    if (wanted.method === line.method && wanted.uri === line.uri) return;
    this.checkChange('request', `${call}: the request line`);
    const problem = requestLineProblem(this.transaction.request, wanted, this.#headBytesMax);
    if (problem !== null) throw new GuestFailure('unsupported', `${call}: ${problem}`);
    this.newLine = wanted;
  }

  get requestFields(): MessageFields {
    const { transaction } = this;
    return new MessageFields(transaction.request, transaction.requestEdits, this.requestEdits);
  }

  get responseFields(): MessageFields {
    const { transaction } = this;
    return new MessageFields(
      this.hasResponse ? transaction.response : null,
      transaction.responseEdits,
      this.responseEdits,
    );
  }

  /** Null where there are none to be had: not asked for, gone on, or not come yet. */
  trailers(kind: MessageKind): MessageFields | null {
    if ((this.features & feature.trailers) === 0 || this.stage !== kind) return null;
    const body = kind === 'request' ? this.requestBody : this.responseBody;
    if (!body.isWhole) {
      throw new GuestFailure(
        'capacity',
        `trailers: the body is longer than the ${body.bytes.length} bytes that are held back for modules`,
      );
    }
    return new MessageFields(fieldsOfPairs(body.trailers), this.#trailerEdits[kind]);
  }

  editTrailer(kind: MessageKind, edit: FieldEdit): void {
    const edits = this.#trailerEdits[kind];
    if (edits.length >= fieldEditsMax)
      throw new GuestFailure('capacity', `more than ${fieldEditsMax} trailer changes in one call`);
    edits.push(edit);
  }

  /** Throws unless the guest may change the message's trailers now; `call` names who asks. */
  checkTrailerChange(kind: MessageKind, call: string): void {
    if ((this.features & feature.trailers) === 0) {
      throw new GuestFailure(
        'unsupported',
        `${call}: trailers need the feature trailers: enable it at start`,
      );
    }
    this.checkChange(kind, `${call}: trailers of the ${kind}`);
    if (this.stage !== kind)
      throw new GuestFailure(
        'unsupported',
        `${call}: trailers of the response change in handle_response`,
      );
    const came = this.trailers(kind);
    if (came?.names().length === 0 && !this.#isInChunks(kind)) {
      throw new GuestFailure(
        'unsupported',
        `${call}: the ${kind} is not sent in chunks, so nothing follows its body`,
      );
    }
  }

  /** What the guest has made of them: names and values in turn; null where it has left them. */
  changedTrailers(kind: MessageKind): readonly string[] | null {
    if (this.#trailerEdits[kind].length === 0) return null;
    const pairs = (this.trailers(kind)?.all() ?? []).flat();
    if (pairs.reduce((bytes, text) => bytes + text.length, 0) > trailerBytesMax)
      throw new GuestFailure('capacity', `trailers of more than ${trailerBytesMax} bytes`);
    return pairs;
  }

  #isInChunks(kind: MessageKind): boolean {
    const { request, response } = this.transaction;
    const view = kind === 'request' ? request : response;
    return view !== null && (view.chunked || (view.major === 2 && view.contentLength < 0));
  }

  /** Throws unless the guest may change the message now; `what` names it in the failure. */
  checkChange(kind: MessageKind, what: string): void {
    if (this.stage === 'request') return;
    if (kind === 'request')
      throw new GuestFailure('abi', `${what} cannot change after handle_request`);
    this.checkBuffered(what);
  }

  /** In handle_response the response is there only for those who asked for it. */
  checkBuffered(what: string): void {
    if (this.stage === 'response' && (this.features & feature.bufferResponse) === 0) {
      throw new GuestFailure(
        'abi',
        `${what} needs the feature buffer_response in handle_response: enable it at start`,
      );
    }
  }

  edit(kind: MessageKind, edit: FieldEdit): void {
    const edits = kind === 'request' ? this.requestEdits : this.responseEdits;
    if (edits.length >= fieldEditsMax)
      throw new GuestFailure('capacity', `more than ${fieldEditsMax} header changes in one call`);
    edits.push(edit);
  }

  write(kind: MessageKind, bytes: Buffer): void {
    this.#writtenBytes += bytes.length;
    if (this.#writtenBytes > writtenBodyBytesMax) {
      throw new GuestFailure(
        'capacity',
        `the bodies written in one call are longer than ${writtenBodyBytesMax} bytes`,
      );
    }
    (this.#written[kind] ??= []).push(bytes);
  }

  /** All the guest wrote in this call, or null where it did not write. */
  written(kind: MessageKind): Buffer | null {
    const pieces = this.#written[kind];
    return pieces === null ? null : Buffer.concat(pieces);
  }
}
