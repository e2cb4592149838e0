/** Bodies through the parsers of the SecLang engine: what they found, flagged and said. */
import { type EngineParts, partOf } from './engine-parts.ts';

export type BodyKind = 'query' | 'form' | 'cookies' | 'multipart' | 'json' | 'xml';

export type ParsedBody = {
  readonly isRead: boolean;
  /** `ARGS_POST a=b`, in the order found. */
  readonly values: readonly string[];
  readonly flags: readonly string[];
  readonly isStrictError: boolean;
  readonly failure: string;
  readonly arenaBytes: number;
  /** Of all names and values together. */
  readonly valueBytes: number;
};

const collections = [
  'ARGS_GET',
  'ARGS_POST',
  'COOKIES',
  'REQUEST_HEADERS',
  'RESPONSE_HEADERS',
  'FILES',
  'PART_HEADERS',
  'XML',
  'XML@',
  'FILE_SIZES',
] as const;

/** The bits of `BodyFlag`, lowest first. */
const flagNames = [
  'error',
  'boundaryQuoted',
  'boundaryWhitespace',
  'crlfLfLines',
  'dataAfter',
  'dataBefore',
  'fileLimit',
  'headerFolding',
  'invalidHeaderFolding',
  'invalidPart',
  'invalidQuoting',
  'lfLine',
  'missingSemicolon',
  'unmatchedBoundary',
  'urlencodedError',
  'argumentsLimit',
] as const;

const parsers: Readonly<Record<BodyKind, string>> = {
  query: 'readQuery',
  form: 'readForm',
  cookies: 'readCookies',
  multipart: 'readMultipart',
  json: 'readJson',
  xml: 'readXml',
};

export type BodySettings = {
  readonly type?: string;
  readonly depthMax?: number;
  readonly argumentsMax?: number;
};

const bodyBytesMax = 1 << 20;
const recordsBytes = 4 << 20;

/** Text is bytes, a character for each. */
export function parseBody(
  parts: EngineParts,
  kind: BodyKind,
  body: string | Buffer,
  { type = '', depthMax = 512, argumentsMax = 1_000 }: BodySettings = {},
): ParsedBody {
  const memory = Buffer.from(parts.memory.buffer);
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  if (bytes.length > bodyBytesMax) throw new Error('the body is too long for this test');
  const typeAt = parts.room;
  const typeLength = memory.write(type, typeAt, 'latin1');
  const at = parts.room + 65_536;
  bytes.copy(memory, at);
  // What a parser would read beyond the end would look like more of the body.
  memory.fill('"}]>;=&%41\r\n--', at + bytes.length, at + bytes.length + 64, 'latin1');
  const records = at + bodyBytesMax + 65_536;
  const arena = records + recordsBytes;
  partOf(parts, 'startParse')(records, arena, memory.length, argumentsMax);
  const more: Partial<Record<BodyKind, readonly number[]>> = {
    multipart: [typeAt, typeLength],
    json: [depthMax],
  };
  const isRead = partOf(parts, parsers[kind])(at, bytes.length, ...(more[kind] ?? [])) !== 0;
  const text = (from: number, length: number) => memory.toString('latin1', from, from + length);
  const values: string[] = [];
  let valueBytes = 0;
  for (let i = 0; i < partOf(parts, 'recordCount')(); i++) {
    const word = (index: number) => memory.readUInt32LE(records + i * 20 + index * 4);
    valueBytes += word(2) + word(4);
    const name = text(word(1), word(2));
    const collection = collections[word(0)] ?? 'unknown';
    values.push(
      collection.startsWith('XML')
        ? `${collection} ${text(word(3), word(4))}`
        : `${collection} ${name}=${text(word(3), word(4))}`,
    );
  }
  const bits = partOf(parts, 'flags')();
  return {
    isRead,
    values,
    flags: flagNames.filter((_name, bit) => (bits >>> bit) & 1),
    isStrictError: partOf(parts, 'strictError')() !== 0,
    failure: text(partOf(parts, 'failure')(), partOf(parts, 'failureBytes')()),
    arenaBytes: partOf(parts, 'arenaUsed')(arena),
    valueBytes,
  };
}
