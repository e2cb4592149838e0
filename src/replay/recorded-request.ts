/**
 * One request of a recording: its head as it came, the beginning of its body, and what became of it.
 *
 * ```
 * facts, JSON │ head │ body │ response head │ body of the answer
 *                              each with its length before it, 32 bits, little end first; the last two where there are any
 * ```
 *
 * Heads are whole and in the form of HTTP/1.1, whatever protocol brought them, so that the parser which reads clients
 * reads them again. A body is as long as rules look at, and a byte more where it was longer. Of the answer's body there is
 * as much as was asked for, which is nothing unless somebody says otherwise.
 */
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';

const strict = { additionalProperties: false };
const short = Type.String({ maxLength: 1_024 });

const kept = Type.Union([Type.Literal('whole'), Type.Literal('cut'), Type.Literal('encoded')]);

/** What stands of a request beside its bytes. */
const requestFacts = Type.Object(
  {
    id: Type.String({ maxLength: 128 }),
    /** Since 1970. */
    atMs: Type.Number(),
    /** Who the client was, behind trusted proxies. */
    client: Type.String({ maxLength: 64 }),
    tls: Type.Boolean(),
    ja4: Type.String({ maxLength: 128 }),
    certificate: Type.Union([
      Type.Null(),
      Type.Object(
        {
          subject: Type.String({ maxLength: 8_192 }),
          sha256: Type.String({ maxLength: 64 }),
          verified: Type.Boolean(),
        },
        strict,
      ),
    ]),
    major: Type.Union([Type.Literal(1), Type.Literal(2)]),
    /** The body has no length in the head: chunks, or frames of HTTP/2. */
    chunked: Type.Boolean(),
    /** All of the body is here; `encoded`: it was compressed and could not be masked, so nothing of it is. */
    body: kept,
    /** The same of the answer's body; absent where that was not asked for. */
    answer: Type.Optional(kept),
    /** Of the route that served it. */
    route: short,
    status: Type.Integer({ minimum: 0, maximum: 999 }),
    outcome: Type.String({ maxLength: 32 }),
    /** The rule that decided, enforced or not; empty for none. */
    rule: short,
  },
  strict,
);

export type RequestFacts = Static<typeof requestFacts>;

export type RecordedRequest = RequestFacts & {
  readonly head: Buffer;
  readonly bytes: Buffer;
  /** Null where the upstream gave none. */
  readonly responseHead: Buffer | null;
  /** With `answer` alone. */
  readonly answerBytes?: Buffer;
};

const partsMax = 5;
const factsBytesMax = 16_384;

export function encodeRequest(request: RecordedRequest): Buffer {
  const { head, bytes, responseHead, answerBytes, ...facts } = request;
  const parts = [Buffer.from(JSON.stringify(facts)), head, bytes];
  if (responseHead !== null) parts.push(responseHead);
  if (answerBytes !== undefined) parts.push(answerBytes);
  const pieces: Buffer[] = [];
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(part.length);
    pieces.push(length, part);
  }
  return Buffer.concat(pieces);
}

/** Null where it is no request. What it answers with borrows `payload`. */
export function decodeRequest(payload: Buffer): RecordedRequest | null {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length; ) {
    if (parts.length === partsMax || payload.length - at < 4) return null;
    const length = payload.readUInt32LE(at);
    at += 4;
    if (length > payload.length - at) return null;
    parts.push(payload.subarray(at, at + length));
    at += length;
  }
  const [facts, head, bytes, responseHead = null, answerBytes] = parts;
  if (facts === undefined || head === undefined || bytes === undefined) return null;
  if (facts.length > factsBytesMax) return null;
  const value = parseJson(facts.toString('utf8'));
  if (!Check(requestFacts, value)) return null;
  if ((value.answer === undefined) !== (answerBytes === undefined)) return null;
  return { ...value, head, bytes, responseHead, ...(answerBytes && { answerBytes }) };
}

/** With at most so much of its answer's body; none of it where that is 0. */
export function cutAnswer(request: RecordedRequest, bytesMax: number): RecordedRequest {
  const { answer, answerBytes, ...without } = request;
  if (answer === undefined || answerBytes === undefined || bytesMax === 0) return without;
  return answerBytes.length <= bytesMax
    ? request
    : { ...without, answer: 'cut', answerBytes: answerBytes.subarray(0, bytesMax) };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
