/** Valid requests for property tests, as parts and as the bytes they make. */
import fc from 'fast-check';

export type ArbitraryRequest = {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [string, string])[];
  /** Blanks around each value, as written. */
  readonly padding: readonly [string, string];
  readonly body: string | null;
  /** Sizes the body is cut to when it is chunked; null sends a Content-Length. */
  readonly chunks: readonly number[] | null;
};

const pick = (characters: string, lengthMax: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: lengthMax });
const byte = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('');
const token = pick("!#$%&'*+-.^_`|~0189AZaz", 12);
const visible = byte(0x21, 0x7e) + byte(0x80, 0xff);
const value = fc.oneof(
  fc.constant(''),
  pick(visible, 20),
  fc
    .tuple(pick(visible, 8), fc.constantFrom(' ', '\t', '  '), pick(visible, 8))
    .map((parts) => parts.join('')),
);
const target = fc
  .array(fc.oneof(pick('abc.%2f-_~|"{}é', 6), fc.constantFrom('..', '.', '')), { maxLength: 4 })
  .chain((segments) =>
    fc
      .option(pick('ab=&?/%é', 10), { nil: '' })
      .map((query) => `/${segments.join('/')}${query === '' ? '' : `?${query}`}`),
  );

export const arbitraryRequest: fc.Arbitrary<ArbitraryRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'LOCK', 'm-x'),
  target,
  fields: fc.array(
    fc.tuple(
      token.map((name) => `X${name}`),
      value,
    ),
    { maxLength: 8 },
  ),
  padding: fc.tuple(fc.constantFrom('', ' ', '  ', '\t'), fc.constantFrom('', ' ', '\t ')),
  body: fc.option(fc.string({ unit: fc.constantFrom(...byte(0, 255)), maxLength: 60 }), {
    nil: null,
  }),
  chunks: fc.option(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), { nil: null }),
});

export function requestBytes(request: ArbitraryRequest): string {
  const { method, fields, padding, body, chunks } = request;
  const own =
    body === null
      ? ''
      : chunks === null
        ? `Content-Length: ${body.length}\r\n`
        : 'Transfer-Encoding: chunked\r\n';
  const lines = fields
    .map(([name, text]) => `${name}:${padding[0]}${text}${padding[1]}\r\n`)
    .join('');
  return `${method} ${request.target} HTTP/1.1\r\nHost: a.test\r\n${lines}${own}\r\n${body === null ? '' : chunks === null ? body : chunked(body, chunks)}`;
}

/** The sizes in turn, then what is left in one chunk. */
export function chunked(body: string, sizes: readonly number[]): string {
  let text = '';
  let at = 0;
  for (const size of [...sizes, body.length]) {
    const part = body.slice(at, at + size);
    if (part !== '') text += `${part.length.toString(16)}\r\n${part}\r\n`;
    at += size;
  }
  return `${text}0\r\n\r\n`;
}
