/**
 * The bytes of a stage, made in go-ftw's steps and in their order:
 *
 *   template ─ default Content-Type ─ form encoding ─ LF to CRLF (multipart) ─ Connection, Content-Length
 *
 * Nothing of the request line or of a field is checked or escaped: most tests are about what is wrong
 * with them.
 */
import { expandTemplate } from './template.ts';
import type { FtwInput } from './test-file.ts';

type Header = readonly [name: string, value: string];

export function requestBytes(input: FtwInput): Buffer {
  if (input.encodedRequest !== null) return Buffer.from(input.encodedRequest, 'base64');
  const headers: Header[] = [...input.headers];
  let body = bodyOf(input);
  if (input.isCompleted && body.length > 0) {
    if (valuesOf(headers, 'content-type').length === 0) headers.push(['Content-Type', formType]);
    if (valuesOf(headers, 'content-type').includes(formType)) body = formEncoded(body);
  }
  if (valuesOf(headers, 'content-type').some((value) => value.includes('multipart/form-data;'))) {
    body = Buffer.from(body.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
  }
  if (input.isCompleted) {
    if (valuesOf(headers, 'connection').length === 0) headers.push(['Connection', 'close']);
    const isBodied = body.length > 0 || /^POST|PUT|PATCH|DELETE$/.test(input.method);
    if (isBodied && valuesOf(headers, 'content-length').length === 0) {
      headers.push(['Content-Length', String(body.length)]);
    }
  }
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${input.method} ${input.uri} ${input.version}\r\n${lines}\r\n`;
  return Buffer.concat([Buffer.from(head, 'utf8'), body]);
}

const formType = 'application/x-www-form-urlencoded';

function bodyOf(input: FtwInput): Buffer {
  if (input.encodedData !== null && input.encodedData !== '') {
    return Buffer.from(input.encodedData, 'base64');
  }
  return Buffer.from(expandTemplate(input.data ?? ''), 'utf8');
}

function valuesOf(headers: readonly Header[], lowerName: string): readonly string[] {
  return headers.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);
}

/**
 * Form data that decoding would leave as it is was written plain, and is encoded part by part; what
 * holds a `+`, a valid or an invalid `%` goes out as it stands.
 */
export function formEncoded(body: Buffer): Buffer {
  const text = body.toString('latin1');
  if (/[+%]/.test(text)) return body;
  const tokens = text.split('&');
  // A last `&` has nothing behind it that would be written.
  if (tokens.at(-1) === '') tokens.pop();
  const encoded = tokens.map((token) => {
    const equals = token.indexOf('=');
    if (equals === -1) return queryEscaped(token);
    return `${queryEscaped(token.slice(0, equals))}=${queryEscaped(token.slice(equals + 1))}`;
  });
  return Buffer.from(encoded.join('&'), 'latin1');
}

/** Go's `url.QueryEscape`, byte by byte. */
function queryEscaped(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.~]/g, (byte) =>
    byte === ' ' ? '+' : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
