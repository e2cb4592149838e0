/**
 * HTTP/1.1 messages out of recorded bytes, read in the strictest and simplest way: by searching text.
 * Shares nothing with the product's parser, so that the two can be held against each other.
 *
 * Throws where the bytes are no clean HTTP/1.1: what the edge wrote must always be.
 */

export type ReadMessage = {
  /** Request line or status line. */
  readonly first: string;
  readonly fields: readonly (readonly [string, string])[];
  /** Payload, without framing. */
  readonly body: string;
  /** The bytes of the whole message. */
  readonly raw: string;
};

export type ReadResult = {
  readonly messages: readonly ReadMessage[];
  /** What follows the last whole message. */
  readonly rest: string;
};

/** Whether a response has no body whatever its fields say: HEAD, 204, 304, 1xx. */
export type BodyLess = (index: number, status: number) => boolean;

const neverBodyLess: BodyLess = (_index, status) =>
  status < 200 || status === 204 || status === 304;

export function readMessages(bytes: string, bodyLess: BodyLess = neverBodyLess): ReadResult {
  const messages: ReadMessage[] = [];
  let at = 0;
  for (;;) {
    const message = readMessage(bytes.slice(at), messages.length, bodyLess);
    if (message === null) return { messages, rest: bytes.slice(at) };
    messages.push(message);
    at += message.raw.length;
  }
}

export function readOne(bytes: string): ReadMessage {
  const { messages, rest } = readMessages(bytes);
  if (messages.length !== 1 || rest !== '') {
    throw new Error(`expected one message, got ${messages.length} and ${JSON.stringify(rest)}`);
  }
  return messages[0] as ReadMessage;
}

/** The values of a field, in order. */
export function fieldValues(message: ReadMessage, name: string): string[] {
  return message.fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

export const statusOf = (message: ReadMessage): number => Number(message.first.split(' ')[1]);

function readMessage(text: string, index: number, bodyLess: BodyLess): ReadMessage | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [first = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const isResponse = /^HTTP\/1\.1 [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*$/.test(first);
  if (!isResponse && !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [^\x00-\x20\x7f]+ HTTP\/1\.1$/.test(first)) {
    throw new Error(`no clean first line: ${JSON.stringify(first)}`);
  }
  const fields = lines.map(readField);
  const values = (name: string): string[] =>
    fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
  const lengths = values('content-length');
  const codings = values('transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Error('more than one framing');
  if (!isResponse && values('host').length !== 1) throw new Error('not exactly one Host');
  const bodyAt = headEnd + 4;
  const made = (body: string, end: number): ReadMessage => ({
    first,
    fields,
    body,
    raw: text.slice(0, end),
  });
  if (isResponse && bodyLess(index, Number(first.slice(9, 12)))) return made('', bodyAt);
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new Error(`coding ${JSON.stringify(codings[0])}`);
    const announced = values('trailer').flatMap((names) => names.split(', '));
    const chunks = readChunks(text, bodyAt, announced);
    return chunks === null ? null : made(chunks.body, chunks.end);
  }
  if (lengths.length === 1) {
    if (!/^[0-9]{1,15}$/.test(lengths[0] as string))
      throw new Error(`length ${JSON.stringify(lengths[0])}`);
    const end = bodyAt + Number(lengths[0]);
    return end > text.length ? null : made(text.slice(bodyAt, end), end);
  }
  return made('', bodyAt);
}

function readField(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
  if (match === null) throw new Error(`no clean field: ${JSON.stringify(line)}`);
  return [match[1] as string, (match[2] as string).replace(/^[ \t]+|[ \t]+$/g, '')];
}

/** Plain chunks only: no extension ever leaves the edge, and of trailers those that its head announces. */
function readChunks(
  text: string,
  from: number,
  announced: readonly string[],
): { body: string; end: number } | null {
  let body = '';
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const digits = text.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,12}$/.test(digits))
      throw new Error(`no clean chunk size: ${JSON.stringify(digits)}`);
    const size = Number.parseInt(digits, 16);
    if (size === 0 && announced.length > 0) return readTrailers(text, lineEnd + 2, body, announced);
    const end = lineEnd + 2 + size + 2;
    if (end > text.length) return null;
    if (text.slice(end - 2, end) !== '\r\n') throw new Error('chunk without its line end');
    if (size === 0) return { body, end };
    body += text.slice(lineEnd + 2, end - 2);
    at = end;
  }
}

function readTrailers(text: string, from: number, body: string, announced: readonly string[]) {
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    if (lineEnd === at) return { body, end: at + 2 };
    const [name] = readField(text.slice(at, lineEnd));
    if (!announced.includes(name.toLowerCase())) throw new Error(`${name} was not announced`);
    at = lineEnd + 2;
  }
}
