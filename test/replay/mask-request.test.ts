import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { SecretFiller } from '#replay/fill-secret.ts';
import { maskedBytesMax } from '#replay/mask-coded.ts';
import { maskRequest } from '#replay/mask-request.ts';
import { encodeRequest, type RecordedRequest } from '#replay/recorded-request.ts';

const facts = {
  id: 'a',
  atMs: 1,
  client: '192.0.2.1',
  tls: true,
  ja4: '',
  certificate: null,
  major: 1,
  chunked: false,
  body: 'whole',
  route: '* /',
  status: 200,
  outcome: 'forwarded',
  rule: '',
} as const;

function request(
  lines: readonly string[],
  body = '',
  responseLines: readonly string[] | null = null,
) {
  const text = (all: readonly string[]) => Buffer.from(`${all.join('\r\n')}\r\n\r\n`, 'latin1');
  return {
    ...facts,
    head: text(lines),
    bytes: Buffer.from(body, 'latin1'),
    responseHead: responseLines === null ? null : text(responseLines),
  } satisfies RecordedRequest;
}

const line = 'POST /login?page=2 HTTP/1.1';
/** Where a secret stands, as people and attackers write it. */
const places: readonly (readonly [string, (secret: string) => RecordedRequest])[] = [
  ['a cookie', (s) => request([line, 'Host: a', `Cookie: theme=dark; anything=${s}`])],
  ['a cookie without a name', (s) => request([line, `cookie: ${s}`])],
  ['basic credentials', (s) => request([line, `Authorization: Basic ${s}`])],
  ['credentials without a scheme', (s) => request([line, `authorization: ${s}`])],
  ['a key of an API', (s) => request([line, `X-Api-Key: ${s}`])],
  ['a token of forms', (s) => request([line, `X-CSRF-Token:${s}`])],
  ['a parameter of the query', (s) => request([`GET /?a=1&access_token=${s}&b=2 HTTP/1.1`])],
  ['a parameter with an encoded name', (s) => request([`GET /?pass%77ord=${s} HTTP/1.1`])],
  ['a URL inside a parameter', (s) => request([`GET /?next=%2Fa%3Ftoken%3D${s} HTTP/1.1`])],
  ['a segment of the path', (s) => request([`GET /a;jsessionid=${s}/b HTTP/1.1`])],
  ['the page before', (s) => request([line, `Referer: https://a.example/?reset_token=${s}`])],
  ['a form', (s) => request([line], `user=me&password=${s}&go=1`)],
  ['a form behind semicolons', (s) => request([line], `a=1;token=${s}`)],
  ['JSON', (s) => request([line], `{"user":"me","password":"${s}","n":[1,2]}`)],
  ['JSON, deeper', (s) => request([line], `{"auth":{"x":["${s}"]}}`)],
  ['JSON in two members', (s) => request([line], `[{"name":"password","value":"${s}"}]`)],
  ['JSON with an escaped name', (s) => request([line], `{"pass\\u0077ord": "${s}"}`)],
  ['JSON that is cut off', (s) => request([line], `{"a":{"secret":"${s}`)],
  ['JSON inside JSON', (s) => request([line], JSON.stringify({ a: JSON.stringify({ token: s }) }))],
  ['names without quotes', (s) => request([line], `{password: ${s}, a: 1}`)],
  [
    'a part of multipart',
    (s) =>
      request(
        [line, 'Content-Type: multipart/form-data; boundary=x'],
        `--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n${s}\r\n--x--\r\n`,
      ),
  ],
  ['an element of XML', (s) => request([line], `<a><user>me</user><password>${s}</password></a>`)],
  ['lines', (s) => request([line], `user: me\npassword: ${s} and more\n`)],
  [
    'a cookie that is set',
    (s) => request([line], '', ['HTTP/1.1 200 OK', `Set-Cookie: a=${s}; Path=/`]),
  ],
];

describe('masking of recorded requests', () => {
  for (const [name, make] of places)
    it(`leaves nothing readable of ${name}`, () => {
      const filler = new SecretFiller();
      for (let i = 0; i < 40; i++) {
        const secret = randomSecret(8 + randomInt(24));
        const given = make(secret);
        const masked = maskRequest(given, filler);
        const written = encodeRequest(masked).toString('latin1');
        assert.equal(written.includes(secret), false, `secret ${secret}: ${written}`);
        for (let at = 0; at + 6 <= secret.length; at++)
          assert.equal(written.includes(secret.slice(at, at + 6)), false, `${secret}: ${written}`);
        assert.equal(masked.head.length, given.head.length);
        assert.equal(masked.bytes.length, given.bytes.length);
      }
    });

  it('keeps the shape, and JSON stays JSON', () => {
    const body = '{"password":"aB3-\\n\\u0041\\u00e9 x","pin":1203,"token":null,"user":"me"}';
    const { bytes } = maskRequest(request([line], body), new SecretFiller());
    const value = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    assert.match(String(value['password']), /^[a-z][A-Z]\d-\n[A-Z][^\x00-\x7f] [a-z]$/);
    assert.match(String(value['pin']), /^[1-9]\d{3}$/);
    assert.equal(value['token'], null);
    assert.equal(value['user'], 'me');
  });

  it('has the same filler for the same value, and another one with another key', () => {
    const given = request([line, 'Cookie: csrf=abcDEF12345678', 'X-Csrf-Token: abcDEF12345678']);
    const filler = new SecretFiller();
    const text = maskRequest(given, filler).head.toString('latin1');
    const [cookie, field] = [/csrf=(\S+)/.exec(text)?.[1], /Token: (\S+)/.exec(text)?.[1]];
    assert.equal(cookie, field);
    assert.notEqual(maskRequest(given, new SecretFiller()).head.toString('latin1'), text);
  });

  it('changes nothing that is no secret', () => {
    const given = request(
      [
        'GET /shop/list?q=union+select+1&page=2 HTTP/1.1',
        'Host: a.example',
        'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0',
        'Referer: https://a.example/shop?q=1',
        'Accept: */*',
      ],
      'comment=<script>alert(1)</script>&n=5',
    );
    const masked = maskRequest(given, new SecretFiller());
    assert.equal(masked.head.toString('latin1'), given.head.toString('latin1'));
    assert.equal(masked.bytes.toString('latin1'), given.bytes.toString('latin1'));
  });

  it('masks the body of the answer, and keeps none that it cannot read', () => {
    const secret = 'aB3dE5fG7h';
    const answered = (fields: readonly string[]) =>
      maskRequest(
        {
          ...request([line], '', ['HTTP/1.1 200 OK', ...fields]),
          ...{ answer: 'whole', answerBytes: Buffer.from(`{"user":"me","token":"${secret}"}`) },
        },
        new SecretFiller(),
      );
    const plain = answered(['Content-Type: application/json']);
    assert.equal(plain.answer, 'whole');
    assert.match(plain.answerBytes?.toString() ?? '', /^\{"user":"me","token":"[^"]{10}"\}$/);
    assert.equal(encodeRequest(plain).toString('latin1').includes(secret), false);
    const coded = answered(['Content-Encoding: gzip']);
    assert.deepEqual([coded.answer, coded.answerBytes?.length], ['encoded', 0]);
  });

  for (const [coding, encode, decode] of [
    ['gzip', gzipSync, gunzipSync],
    ['deflate', deflateSync, inflateSync],
    ['br', brotliCompressSync, brotliDecompressSync],
    ['zstd', zstdCompressSync, zstdDecompressSync],
    ['gzip; identity', gzipSync, gunzipSync],
    ['br, gzip', (bytes: Buffer) => gzipSync(brotliCompressSync(bytes)), unpackBoth],
  ] as const)
    it(`masks inside a body in ${coding}, of the request and of the answer`, () => {
      const secret = randomSecret(24);
      const plain = Buffer.from(
        `{"user":"me","token":"${secret}","say":"<script>alert(1)</script>"}`,
      );
      const coded = encode(plain);
      // Fields of their own.
      const fields = coding.split('; ').map((one) => `Content-Encoding: ${one}`);
      const masked = maskRequest(
        {
          ...request([line, ...fields], coded.toString('latin1'), ['HTTP/1.1 200 OK', ...fields]),
          ...{ answer: 'whole', answerBytes: coded },
        },
        new SecretFiller(),
      );
      assert.deepEqual([masked.body, masked.answer], ['whole', 'whole']);
      for (const bytes of [masked.bytes, masked.answerBytes ?? noBytes]) {
        const text = decode(bytes).toString();
        assert.equal(text.length, plain.length);
        assert.equal(text.includes(secret), false);
        assert.ok(text.includes('<script>alert(1)</script>'), text);
      }
    });

  it('keeps the beginning of a coded answer, and none of a coded request', () => {
    const secret = randomSecret(24);
    const text = Array.from({ length: 900 }, () => `n=${randomSecret(9)}&say=a+chair&`).join('');
    const coded = gzipSync(`token=${secret}&${text}`).subarray(0, 4_000);
    const masked = maskRequest(
      {
        ...request([line, 'Content-Encoding: gzip'], coded.toString('latin1'), [
          'HTTP/1.1 200 OK',
          'Content-Encoding: gzip',
        ]),
        ...{ body: 'cut', answer: 'cut', answerBytes: coded },
      },
      new SecretFiller(),
    );
    assert.deepEqual([masked.body, masked.bytes.length, masked.answer], ['encoded', 0, 'cut']);
    const options = { finishFlush: constants.Z_SYNC_FLUSH };
    const shown = gunzipSync(masked.answerBytes ?? noBytes, options).toString();
    assert.ok(shown.includes('&say=a+chair&'));
    assert.equal(shown.includes(secret), false);
  });

  it('keeps no coded body that expands beyond its bound', () => {
    const bomb = gzipSync(Buffer.alloc(maskedBytesMax + 1));
    const masked = maskRequest(
      request([line, 'Content-Encoding: gzip'], bomb.toString('latin1')),
      new SecretFiller(),
    );
    assert.deepEqual([masked.body, masked.bytes.length], ['encoded', 0]);
  });

  it('does not keep a body that it cannot read', () => {
    const masked = maskRequest(
      request([line, 'Content-Encoding: gzip'], 'xyz'),
      new SecretFiller(),
    );
    assert.equal(masked.body, 'encoded');
    assert.equal(masked.bytes.length, 0);
  });
});

const noBytes = Buffer.alloc(0);
function unpackBoth(bytes: Buffer): Buffer {
  return brotliDecompressSync(gunzipSync(bytes));
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const randomSecret = (length: number): string =>
  Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
