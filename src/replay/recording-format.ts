/**
 * The file of a recording: a mark with the version, then frames, each with its length and a checksum.
 *
 * ```
 * "WEIRREC" 1 │ length, CRC-32, kind, payload │ … │
 *               32      32      8
 *               1 begin, JSON    2 request     3 end, JSON
 * ```
 *
 * A frame is written whole or counts for nothing: what a reader finds behind the last whole one is a problem that it
 * names, and everything before it stands. A file without its end was cut off, by a crash or a full disk, and is usable
 * all the same. Lengths are bounded before anything is allocated for them.
 */
import { crc32 } from 'node:zlib';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { decodeRequest, parseJson, type RecordedRequest } from './recorded-request.ts';

const mark = Buffer.from('WEIRREC\x01', 'latin1');
const headBytes = 9;
/** Two heads, a body window and the body of an answer, each at its largest, with room for the facts. */
export const frameBytesMax = 4 * 1_048_576;

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });

export const recordingBegin = Type.Object(
  {
    startedAtMs: Type.Number(),
    sharePercent: Type.Number({ minimum: 0, maximum: 100 }),
    /** Names of routes; none: all. */
    routes: Type.Array(Type.String({ maxLength: 1_024 }), { maxItems: 256 }),
    bodyBytesMax: count,
    /** Of the bodies of answers; absent: none. */
    answerBytesMax: Type.Optional(count),
    /** Of the configuration that was live. */
    generation: count,
  },
  strict,
);
export type RecordingBegin = Static<typeof recordingBegin>;

export const recordingEnd = Type.Object(
  {
    endedAtMs: Type.Number(),
    why: Type.String({ maxLength: 256 }),
    requests: count,
    /** Taken into the sample and lost, as there was no room on the way. */
    dropped: count,
  },
  strict,
);
export type RecordingEnd = Static<typeof recordingEnd>;

const kind = { begin: 1, request: 2, end: 3 } as const;

export const encodeBegin = (begin: RecordingBegin): Buffer =>
  Buffer.concat([mark, frame(kind.begin, Buffer.from(JSON.stringify(begin)))]);
/** Always of the same length, so that it is found from behind. */
export const encodeEnd = (end: RecordingEnd): Buffer =>
  frame(kind.end, Buffer.from(JSON.stringify(end).padEnd(endPayloadBytes)));

const endPayloadBytes = 2_048;
export const endFrameBytes = headBytes + endPayloadBytes;

/** From the last bytes of a file; null where it does not end with one. */
export function readEndFrame(tail: Buffer): RecordingEnd | null {
  if (tail.length !== endFrameBytes || tail[8] !== kind.end) return null;
  const payload = tail.subarray(headBytes);
  return tail.readUInt32LE(4) === crc32(payload, crc32(tail.subarray(8, 9)))
    ? checked(recordingEnd, payload)
    : null;
}

/** `payload` is an encoded request. */
export const requestFrame = (payload: Uint8Array): Buffer => frame(kind.request, payload);

/** What a request costs in the file. */
export const frameOverheadBytes = headBytes;

function frame(of: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(payload.length);
  head[8] = of;
  head.writeUInt32LE(crc32(payload, crc32(head.subarray(8))), 4);
  return Buffer.concat([head, payload]);
}

export type RecordingPart =
  | { readonly kind: 'begin'; readonly begin: RecordingBegin }
  | { readonly kind: 'request'; readonly request: RecordedRequest }
  | { readonly kind: 'end'; readonly end: RecordingEnd };

/** Reads a file from its beginning, in pieces of any size. */
export class RecordingReader {
  #held: Buffer = Buffer.alloc(0);
  #hasMark = false;
  #hasBegun = false;
  #hasEnded = false;
  #problem: string | null = null;

  /** Why nothing more is read. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The file said that it is whole. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Every part that is whole by now. What it answers with borrows `bytes`. */
  push(bytes: Buffer): RecordingPart[] {
    if (this.#problem !== null) return [];
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const parts: RecordingPart[] = [];
    if (!this.#hasMark && !this.#takeMark()) return parts;
    for (;;) {
      const part = this.#next();
      if (part === null) return parts;
      parts.push(part);
    }
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#problem !== null) return;
    if (!this.#hasBegun) this.#problem = 'is no recording: it has no beginning';
    else if (this.#held.length > 0)
      this.#problem = `ends in the middle of a frame: the last ${this.#held.length} bytes are left out`;
  }

  #takeMark(): boolean {
    const { length } = mark;
    if (this.#held.length < length) return false;
    const found = this.#held.subarray(0, length);
    if (!found.subarray(0, length - 1).equals(mark.subarray(0, length - 1)))
      return this.#fail('is no recording of Weir');
    if (found[length - 1] !== mark[length - 1])
      return this.#fail(
        `is a recording of version ${found[length - 1]}, and this Weir reads ${mark[length - 1]}`,
      );
    this.#held = this.#held.subarray(length);
    this.#hasMark = true;
    return true;
  }

  #next(): RecordingPart | null {
    const held = this.#held;
    if (held.length < headBytes || this.#problem !== null) return null;
    if (this.#hasEnded) return this.#refuse('goes on behind its end');
    const length = held.readUInt32LE(0);
    if (length > frameBytesMax) return this.#refuse(`has a frame of ${length} bytes`);
    if (held.length < headBytes + length) return null;
    const payload = held.subarray(headBytes, headBytes + length);
    if (held.readUInt32LE(4) !== crc32(payload, crc32(held.subarray(8, 9))))
      return this.#refuse('is damaged: a checksum is wrong');
    const part = this.#decode(held[8] as number, payload);
    if (part === null) return this.#refuse('has a frame that is none of a recording');
    this.#held = held.subarray(headBytes + length);
    return part;
  }

  #decode(of: number, payload: Buffer): RecordingPart | null {
    if (this.#hasBegun !== (of !== kind.begin)) return null;
    if (of === kind.request) {
      const request = decodeRequest(payload);
      return request === null ? null : { kind: 'request', request };
    }
    if (of === kind.begin) {
      const begin = checked(recordingBegin, payload);
      this.#hasBegun = begin !== null;
      return begin === null ? null : { kind: 'begin', begin };
    }
    const end = of === kind.end ? checked(recordingEnd, payload) : null;
    this.#hasEnded = end !== null;
    return end === null ? null : { kind: 'end', end };
  }

  #fail(problem: string): false {
    this.#problem = problem;
    return false;
  }

  #refuse(problem: string): null {
    this.#problem = problem;
    return null;
  }
}

function checked<Schema extends TSchema>(schema: Schema, payload: Buffer): Static<Schema> | null {
  const value = parseJson(payload.toString('utf8'));
  return Check(schema, value) ? value : null;
}
