/** The files of multipart bodies: the same however the bytes come, and a fault where there is no one reading. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MultipartFiles } from '#proxy/accept/multipart-files.ts';

type Read = {
  readonly files: readonly (readonly [string, string])[];
  readonly fault: string | null;
};

function read(body: string, size = body.length): Read {
  const multipart = new MultipartFiles('b');
  const bytes = Buffer.from(body, 'latin1');
  const files: [string, string][] = [];
  for (let from = 0; from <= bytes.length; from += Math.max(1, size)) {
    const piece = bytes.subarray(from, from + Math.max(1, size));
    const reading = multipart.read(piece, from + size >= bytes.length);
    for (;;) {
      const { done, value } = reading.next();
      if (done && value === null) break;
      if (done) return { files, fault: value };
      files.push([value.names.join('|'), value.head.toString('latin1')]);
    }
    if (from + size >= bytes.length) break;
  }
  return { files, fault: null };
}

const part = (disposition: string, content: string, more = ''): string =>
  `--b\r\nContent-Disposition: ${disposition}\r\n${more}\r\n${content}\r\n`;
const file = (name: string, content: string): string =>
  part(`form-data; name="f"; filename="${name}"`, content, 'Content-Type: text/plain\r\n');
const end = '--b--\r\n';
const long = 'x'.repeat(600);

const good: readonly (readonly [
  why: string,
  body: string,
  files: readonly (readonly [string, string])[],
])[] = [
  ['no file', part('form-data; name="a"', '1') + end, []],
  ['one file', file('a.jpg', 'JPEG') + end, [['a.jpg', 'JPEG']]],
  [
    'a file between fields',
    part('form-data; name="a"', '1') + file('a.txt', 'hi') + part('form-data; name=b', '2') + end,
    [['a.txt', 'hi']],
  ],
  ['an empty file', file('', '') + end, [['', '']]],
  ['a long one', file('a', long) + end, [['a', long.slice(0, 512)]]],
  [
    'a line that begins as a delimiter',
    file('a', 'one\r\n--\r\n-b\r\n--a') + end,
    [['a', 'one\r\n--\r\n-b\r\n--a']],
  ],
  ['a name with quotes in it', file('a\\"b.jpg', 'x') + end, [['a"b.jpg', 'x']]],
  ['a name with a path', file('C:\\dir\\a.jpg', 'x') + end, [['C:\\dir\\a.jpg', 'x']]],
  [
    'both kinds of names',
    part(`form-data; name="f"; filename="a.jpg"; filename*=UTF-8''a%2Ephp`, 'x') + end,
    [['a.jpg|a.php', 'x']],
  ],
  [
    'a name without quotes',
    part('form-data; name=f; filename=a.jpg;', 'x') + end,
    [['a.jpg', 'x']],
  ],
  ['a preamble', `for old readers\r\n${file('a', 'x')}${end}`, [['a', 'x']]],
  ['a part without fields', `--b\r\n\r\nx\r\n${end}`, []],
];

const bad: readonly (readonly [why: string, body: string])[] = [
  ['nothing at all', ''],
  ['no delimiter', 'a=1'],
  ['no end', file('a', 'x')],
  ['another boundary', '--c\r\n\r\n\r\n--c--\r\n'],
  [
    'lines that end in a line feed alone',
    file('a', 'x').replaceAll('\r\n', '\n') + end.replaceAll('\r\n', '\n'),
  ],
  ['a boundary that goes on', `--bb\r\n\r\nx\r\n${end}`],
  ['a line feed in a head', part('form-data; name="f"\nX: y', 'x') + end],
  ['a folded head', part('form-data; name="f";\r\n filename="a.php"', 'x') + end],
  [
    'two dispositions',
    part('form-data; name=f', 'x', 'content-disposition: form-data; name=f; filename=a.php\r\n') +
      end,
  ],
  ['a quote that does not end', part('form-data; name="f; filename=a.php', 'x') + end],
  ['a parameter without a value', part('form-data; filename', 'x') + end],
  ['a name in pieces', part('form-data; name=f; filename*0="a.p"; filename*1="hp"', 'x') + end],
  ['a head that does not end', `--b\r\nX: ${'y'.repeat(9_000)}`],
  ['a part behind the end', end + file('a.php', 'x')],
];

describe('a multipart body', () => {
  for (const [why, body, files] of good)
    it(`has these files, however its bytes come: ${why}`, () => {
      for (const size of [1, 2, 3, 7, 64, body.length])
        assert.deepEqual(read(body, size), { files, fault: null }, `${size} bytes at a time`);
    });

  for (const [why, body] of bad)
    it(`is refused, however its bytes come: ${why}`, () => {
      for (const size of [1, 5, 64, Math.max(1, body.length)])
        assert.notEqual(read(body, size).fault, null, `${size} bytes at a time`);
    });

  it('of any bytes is read to an end, with one answer for every way they come', () => {
    const seed = (Math.random() * 2 ** 32) >>> 0;
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const words = [
      '--b',
      '\r\n',
      '--',
      'Content-Disposition: form-data; filename=a',
      ';',
      '"',
      'x',
      '\n',
      'b',
      ': ',
      '\\',
      '=',
    ];
    for (let round = 0; round < 2_000; round++) {
      const body = Array.from({ length: random(24) }, () => words[random(words.length)]).join('');
      const whole = read(body);
      const cut = read(body, 1 + random(4));
      assert.equal(cut.fault, whole.fault, `seed ${seed}: ${JSON.stringify(body)}`);
      if (whole.fault === null) assert.deepEqual(cut.files, whole.files, `seed ${seed}`);
    }
  });
});
