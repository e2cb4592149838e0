/**
 * Requests for the long run: bytes of one client connection, valid or nearly so, from a seed. Strings and
 * a generator of our own, because a general library would be most of the time spent.
 *
 * The same seed gives the same bytes, in any process.
 */

/** sfc32: small, fast, and good enough to reach everything here. */
export class Random {
  #a: number;
  #b: number;
  #c = 0x9e37_79b9;
  #d = 1;

  constructor(seed: number, stream: number) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  below(bound: number): number {
    return this.next() % bound;
  }

  /** True once in `of`. */
  once(of: number): boolean {
    return this.next() % of === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.next() % from.length] as T;
  }
}

/** A rule of the run blocks requests whose target holds it. */
export const blockMark = 'zz';

const methods = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'm-x'];
const oddMethods = ['TRACE', 'CONNECT', 'trace', 'GE T', 'G\0T', 'PRI', '(', ''];
const segments = ['a', 'b.c', '%2f', '..', '.', '', 'é', '~x', blockMark, '|', '{}', '%', 'a;b=1'];
const queries = ['', '?', '?a=1', '?a=b&c=%41', '?x=/../', '??', '?é', '?a=b c', '?a#b'];
const oddTargets = [
  '*',
  'http://a.test/x',
  'http://a.test',
  'HTTPS://b.test:8443/y?z',
  'http://u@a.test/',
  'a.test:443',
  'http://',
  'x',
  '\\x',
  'http://a.test\\@b.test/',
];
const names = [
  'Accept',
  'Cookie',
  'User-Agent',
  'X-A',
  'x_b',
  '!#$',
  'Content-Type',
  'X-Request-Id',
];
const edgeNames = [
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Upgrade',
  'Expect',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Proxy-Connection',
  'X-Forwarded-For',
  'X_Forwarded_For',
  'Content_Length',
  'Forwarded',
  'X-Real-IP',
  'transfer-encoding',
];
const values = ['', 'x', 'a b', 'a, b', '"q;\\""', 'é', '=;,', 'k=v; k=w', '\t', 'a\tb'];
const edgeValues = [
  'chunked',
  'Chunked',
  'gzip, chunked',
  'identity',
  '0',
  '5',
  '05',
  '+5',
  '5, 5',
  '0x5',
  '999999999999999999',
  'close',
  'keep-alive',
  'close, X-A',
  'upgrade',
  'Host',
  'websocket',
  'h2c',
  '100-continue',
  'a.test',
  'a.test:80',
  'a.test, b',
  '[::1]:80',
  'x\0y',
  'x\x7f',
  'x\x0by',
];
const bodies = [
  '',
  'hello',
  '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  '\0\r\n',
  'x'.repeat(40),
];
const extensions = ['', '', '', ';a=b', ';a', ';', ';a="x\\"y"', ' ;a', ';é', ';a\x0b'];
const trailers = [
  '',
  '',
  '',
  'X-T: 1\r\n',
  'Content-Length: 3\r\n',
  'X T: 1\r\n',
  'X-T\r\n',
  ' x\r\n',
];
const inserts = [
  ' ',
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\0',
  ':',
  ',',
  ';',
  '\x0b',
  '\x7f',
  '\x80',
  '\x85',
  '\xa0',
  'chunked',
  '0\r\n\r\n',
  '\r\n\r\n',
  '\r\n ',
  '\n\n',
  'Content-Length: 3\r\n',
  'Content-Length : 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer-Encoding\x0b: chunked\r\n',
  'Host: b\r\n',
  'Connection: X-A, close\r\n',
  'Connection: Content-Length\r\n',
  'Expect: 100-continue\r\n',
  ' HTTP/1.1',
  ' HTTP/1.0',
  'http://b/',
  '#',
  '@',
  '5\r\nhello\r\n',
  'ffffffffffffffff\r\n',
];

export type Generated = {
  readonly bytes: Buffer;
  /** Requests that were written down before anything was changed. */
  readonly requests: number;
  readonly isMutated: boolean;
};

export function generateConnection(random: Random): Generated {
  const requests = 1 + (random.once(3) ? random.below(4) : 0);
  let text = '';
  for (let i = 0; i < requests; i++) text += generateRequest(random);
  const isMutated = random.below(5) < 3;
  if (isMutated) {
    const changes = 1 + random.below(3);
    for (let i = 0; i < changes; i++) text = mutate(random, text);
  }
  return { bytes: Buffer.from(text, 'latin1'), requests, isMutated };
}

function generateRequest(random: Random): string {
  const isOdd = random.once(12);
  const method = isOdd && random.once(3) ? random.pick(oddMethods) : random.pick(methods);
  let target = '';
  if (isOdd && random.once(2)) target = random.pick(oddTargets);
  else {
    for (let i = random.below(4); i >= 0; i--) target += `/${random.pick(segments)}`;
    target += random.pick(queries).replace(/[ #].*/, isOdd ? '$&' : '');
  }
  const version =
    isOdd && random.once(4) ? random.pick(['1.0', '1.0', '2.0', '1.2', '0.9']) : '1.1';
  let fields = random.once(40) ? '' : 'Host: a.test\r\n';
  for (let i = random.below(6); i > 0; i--) {
    const isEdge = random.once(14);
    const name = random.pick(isEdge ? edgeNames : names);
    const value = random.pick(isEdge && !random.once(3) ? edgeValues : values);
    fields += `${name}:${random.once(6) ? '' : ' '}${value}${random.once(9) ? ' ' : ''}\r\n`;
  }
  const line = `${method} ${target} HTTP/${version}\r\n`;
  switch (random.below(3)) {
    case 0:
      return `${line}${fields}\r\n`;
    case 1: {
      const body = random.pick(bodies);
      return `${line}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
    }
    default:
      return `${line}${fields}Transfer-Encoding: chunked\r\n\r\n${chunks(random)}`;
  }
}

function chunks(random: Random): string {
  let text = '';
  for (let i = random.below(4); i > 0; i--) {
    const part = random.pick(bodies);
    if (part !== '') text += `${size(random, part.length)}${extension(random)}\r\n${part}\r\n`;
  }
  return `${text}${random.once(9) ? '000' : '0'}${extension(random)}\r\n${random.once(5) ? random.pick(trailers) : ''}\r\n`;
}

const extension = (random: Random): string => (random.once(5) ? random.pick(extensions) : '');

const size = (random: Random, length: number): string =>
  (random.once(8) ? '0' : '') +
  (random.once(4) ? length.toString(16).toUpperCase() : length.toString(16));

function mutate(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at);
    case 3: {
      // A line twice: two lengths, two hosts, two chunks.
      const start = text.lastIndexOf('\n', at) + 1;
      const end = text.indexOf('\n', at) + 1;
      return end === 0 ? text : text.slice(0, end) + text.slice(start);
    }
    case 4: {
      // One digit less or more: lengths and chunk sizes that lie.
      const digit = /[0-9]/.exec(text.slice(at));
      if (digit === null) return text;
      const place = at + digit.index;
      return text.slice(0, place) + random.below(10) + text.slice(place + (random.once(3) ? 0 : 1));
    }
    case 5: {
      // A line break that is none.
      const end = text.indexOf('\r\n', at);
      if (end < 0) return text;
      return (
        text.slice(0, end) +
        random.pick(['\n', '\r', '\r\r\n', '\r\n ', '\n\r']) +
        text.slice(end + 2)
      );
    }
    default:
      return text.slice(0, at) + random.pick(inserts) + text.slice(at);
  }
}
