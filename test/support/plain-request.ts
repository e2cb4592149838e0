/**
 * A client's request as RFC 9112 has it, read in the plainest way: text, split at line ends. Chunk
 * extensions and trailers are allowed, as clients may send them. Nothing is shared with the product.
 *
 * It is asked only about requests that were accepted, so null means: these bytes were none.
 */
export type PlainRequest = {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  /** One past the request. */
  readonly end: number;
};

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const text = /^[\t\x20-\x7e\x80-\xff]*$/;

export function readPlainRequest(bytes: string, from: number): PlainRequest | null {
  const start = bytes.startsWith('\r\n', from) ? from + 2 : from;
  const headEnd = bytes.indexOf('\r\n\r\n', start);
  if (headEnd < 0) return null;
  const [first = '', ...lines] = bytes.slice(start, headEnd).split('\r\n');
  const [method = '', target = '', version = '', ...more] = first.split(' ');
  if (more.length > 0 || !token.test(method) || !/^[^\x00-\x20\x7f]+$/.test(target)) return null;
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return null;
  const fields: [string, string][] = [];
  let length = -1;
  let isChunked = false;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = trimBlanks(line.slice(colon + 1));
    if (colon < 0 || !token.test(name) || !text.test(value)) return null;
    fields.push([name, value]);
    const lower = name.toLowerCase();
    if (lower === 'content-length') {
      if (length >= 0 || !/^[0-9]+$/.test(value)) return null;
      length = Number(value);
    } else if (lower === 'transfer-encoding') {
      if (isChunked || value.toLowerCase() !== 'chunked') return null;
      isChunked = true;
    }
  }
  if (isChunked && length >= 0) return null;
  const bodyAt = headEnd + 4;
  const made = (body: string, end: number): PlainRequest => ({
    method,
    target,
    minor: Number(version.at(-1)),
    fields,
    body,
    end,
  });
  if (!isChunked) {
    const end = bodyAt + Math.max(0, length);
    return end > bytes.length ? null : made(bytes.slice(bodyAt, end), end);
  }
  return readChunked(bytes, bodyAt, made);
}

/** Blanks and tabs, and nothing else that JavaScript would trim. */
const trimBlanks = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');

function readChunked(
  bytes: string,
  from: number,
  made: (body: string, end: number) => PlainRequest,
): PlainRequest | null {
  let body = '';
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = /^([0-9A-Fa-f]+)(?:;(.*))?$/s.exec(bytes.slice(at, lineEnd));
    if (line === null || !text.test(line[2] ?? '')) return null;
    const size = Number.parseInt(line[1] as string, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    body += bytes.slice(at, at + size);
    if (bytes.slice(at + size, at + size + 2) !== '\r\n') return null;
    at += size + 2;
  }
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = bytes.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return made(body, at);
    const colon = line.indexOf(':');
    if (colon < 0 || !token.test(line.slice(0, colon)) || !text.test(line.slice(colon + 1)))
      return null;
  }
}
