/** Filler in front hides nothing: what comes behind the first window of a body is looked at as a body of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  brotliCompressSync,
  crc32,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type Field, requestView } from '#wasm/seclang/built-request.ts';
import { buildCore } from '../../support/core-rules.ts';
import { testLimits } from '../../support/guests.ts';
import { SeclangRules } from '../../support/seclang.ts';

const rules = new SeclangRules(buildCore(1));
const windowBytes = testLimits.bodyWindowBytes;
const overlapBytes = 256;
const attack = "1' UNION SELECT name,pass FROM users-- -";
const filler = 'lorem ipsum dolor sit amet '.repeat(Math.ceil((windowBytes * 2) / 27));

const form = 'application/x-www-form-urlencoded';
const parts = (name: string, value: string): string =>
  `--edge\r\nContent-Disposition: form-data; name="f"\r\n\r\n${filler}\r\n--edge\r\nContent-Disposition: form-data; ${name}\r\n\r\n${value}\r\n--edge--\r\n`;

const stopped: readonly (readonly [what: string, type: string, body: string])[] = [
  ['a form', form, `f=${encodeURIComponent(filler)}&q=${encodeURIComponent(attack)}`],
  ['a value of a form', form, `q=${encodeURIComponent(filler + attack)}`],
  ['JSON', 'application/json', JSON.stringify({ f: filler, q: attack })],
  ['XML', 'application/xml', `<r><f>${filler}</f><q>${attack}</q></r>`],
  ['text', 'text/plain', `${filler}<script>alert(1)</script>`],
  ['a part', 'multipart/form-data; boundary=edge', parts('name="q"', attack)],
  ['an upload', 'multipart/form-data; boundary=edge', parts('name="u"; filename="shell.php"', 'x')],
];

const passed: readonly (readonly [what: string, type: string, body: string])[] = [
  ['a form', form, `f=${encodeURIComponent(filler)}&q=garden`],
  ['JSON', 'application/json', JSON.stringify({ f: filler, q: 'garden' })],
  ['XML', 'application/xml', `<r><f>${filler}</f><q>garden</q></r>`],
  ['a part', 'multipart/form-data; boundary=edge', parts('name="q"', 'garden')],
  [
    'a long file',
    'multipart/form-data; boundary=edge',
    parts('name="u"; filename="notes.txt"', `${filler}${attack}${filler}`),
  ],
  ['a picture', 'image/png', `${filler}${attack}`],
];

for (const [what, type, body] of stopped)
  test(`${what} with an attack behind the first window is stopped`, () => {
    assert.equal(send(body, [['Content-Type', type]])?.kind, 'block');
  });

for (const [what, type, body] of passed)
  test(`${what} longer than the window and without one passes`, () => {
    assert.equal(send(body, [['Content-Type', type]]), null);
  });

test('a coded body is looked at as the origin will read it', () => {
  const coded = (coding: string, bytes: Buffer): Stop | null =>
    send(bytes.toString('latin1'), [
      ['Content-Type', form],
      ['Content-Encoding', coding],
    ]);
  const bad = Buffer.from(`q=${encodeURIComponent(attack)}`);
  const good = Buffer.from('q=garden+chairs');
  for (const [coding, encode] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    assert.equal(statusOf(coded(coding, encode(bad))), 403, coding);
    assert.equal(coded(coding, encode(good)), null, coding);
  }
  assert.equal(statusOf(coded('deflate, gzip', gzipSync(deflateSync(bad)))), 403);
  const long = Buffer.from(`f=${encodeURIComponent(filler)}&q=${encodeURIComponent(attack)}`);
  assert.equal(statusOf(coded('gzip', gzipSync(long))), 403, 'behind the first window');
  assert.equal(statusOf(coded('gzip', gzipSync(Buffer.alloc(windowBytes * 9)))), 413, 'a bomb');
  assert.equal(statusOf(coded('gzip', bad)), 415, 'not what it says');
  assert.equal(statusOf(coded('compress', bad)), 415, 'a coding that is not known');
  const inTwoFields = send(gzipSync(bad).toString('latin1'), [
    ['Content-Type', form],
    ['Content-Encoding', 'identity'],
    ['content-encoding', 'gzip'],
  ]);
  assert.equal(statusOf(inTwoFields), 403, 'named in a second field');
  const behind = (...parts: Buffer[]) => statusOf(coded('gzip', Buffer.concat(parts)));
  assert.equal(behind(gzipSync(good), gzipSync(bad)), 403, 'in a second member');
  assert.equal(behind(gzipSync(good), Buffer.alloc(9)), null, 'zeros behind it');
  assert.equal(behind(gzipSync(good), Buffer.alloc(1), gzipSync(bad)), 403, 'behind zeros');
  assert.equal(statusOf(coded('br', Buffer.concat([brotliCompressSync(good), bad]))), 415);
});

test('of a coded body longer than the window its beginning is looked at, where the rest may pass', () => {
  const fields: readonly Field[] = [
    ['Content-Type', form],
    ['Content-Encoding', 'gzip'],
  ];
  const noise = Array.from({ length: windowBytes / 8 }, (_, i) =>
    createHash('sha256').update(`${i}`).digest('hex'),
  ).join('');
  for (const [coding, encode] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ] as const) {
    const send = (text: string): Stop | null => {
      const whole = encode(Buffer.from(text));
      assert.ok(whole.length > windowBytes, 'the test is about its beginning');
      const bytes = whole.subarray(0, windowBytes);
      const run = begin([
        ['Content-Type', form],
        ['Content-Encoding', coding],
      ]);
      const window = {
        bytes,
        overlap: 0,
        position: 0,
        isFirst: true,
        isLast: false,
        isWhole: false,
      };
      const stop = run.requestBody({ ...window, restPasses: true }) as Stop | null;
      run.end();
      return stop;
    };
    assert.equal(statusOf(send(`q=${encodeURIComponent(attack)}&f=${noise}`)), 403, coding);
    assert.equal(send(`q=garden&f=${noise}`), null, coding);
    assert.equal(send(`f=${noise}&q=${encodeURIComponent(attack)}`), null, `${coding}, at its end`);
  }
  const bomb = gzipSync(Buffer.alloc(windowBytes * 2_000, 'a'));
  const run = begin(fields);
  const window = { bytes: bomb.subarray(0, windowBytes), overlap: 0, position: 0 };
  const terms = { isFirst: true, isLast: false, isWhole: false, restPasses: true };
  assert.equal(run.requestBody({ ...window, ...terms }), null, 'a bomb is looked at in part');
  run.end();
});

test('coded bodies that go on have windows of 64 MB together, and give them back', () => {
  const noise = Array.from({ length: windowBytes / 4 }, (_, i) =>
    createHash('sha256').update(`${i}`).digest('hex'),
  ).join('');
  const fields: readonly Field[] = [
    ['Content-Type', form],
    ['Content-Encoding', 'zstd'],
  ];
  const bytes = zstdCompressSync(`f=${noise}`).subarray(0, windowBytes);
  const window = { bytes, overlap: 0, position: 0, isFirst: true, isLast: false, isWhole: false };
  const runs = Array.from({ length: 9 }, () => begin(fields));
  const statuses = runs.map((run) => {
    run.requestHead(false);
    return statusOf(run.requestBody(window) as Stop | null);
  });
  assert.deepEqual(statuses, [...Array<null>(8).fill(null), 413]);
  for (const run of runs) run.end();
  const after = begin(fields);
  after.requestHead(false);
  assert.equal(after.requestBody(window), null);
  after.end();
});

test('a coded body longer than the window is looked at as it comes, whatever stands in front', () => {
  const noise = Array.from({ length: windowBytes / 4 }, (_, i) =>
    createHash('sha256').update(`${i}`).digest('hex'),
  ).join('');
  const bad = `q=${encodeURIComponent(attack)}`;
  // Blocks that hold nothing.
  const empty = Buffer.concat(
    Array.from({ length: windowBytes / 4 }, () => Buffer.from([0, 0, 0, 255, 255])),
  );
  const head = gzipSync('').subarray(0, 10);
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(bad));
  end.writeUInt32LE(bad.length, 4);
  const cases: readonly (readonly [string, string, Buffer, number | null])[] = [
    ['gzip', 'nothing bad', gzipSync(`f=${noise}&q=garden`), null],
    ['gzip', 'in front', gzipSync(`${bad}&f=${noise}`), 403],
    ['gzip', 'at its end', gzipSync(`f=${noise}&${bad}`), 403],
    ['deflate', 'at its end', deflateSync(`f=${noise}&${bad}`), 403],
    ['deflate', 'without a frame', deflateRawSync(`f=${noise}&${bad}`), 403],
    ['deflate, gzip', 'in two layers', gzipSync(deflateSync(`f=${noise}&${bad}`)), 403],
    [
      'gzip',
      'in a second member',
      Buffer.concat([gzipSync(`f=${noise}`), gzipSync(`&${bad}`)]),
      403,
    ],
    ['gzip', 'behind nothing', Buffer.concat([head, empty, deflateRawSync(bad), end]), 403],
    ['gzip', 'a bomb', gzipSync(Buffer.alloc(windowBytes * 2_500)), 413],
    [
      'gzip',
      'a bomb behind',
      Buffer.concat([gzipSync(noise), gzipSync(Buffer.alloc(windowBytes * 999))]),
      413,
    ],
    ['gzip', 'cut off', gzipSync(`f=${noise}`).subarray(0, -20), 415],
    [
      'gzip',
      'followed by another thing',
      Buffer.concat([gzipSync(`f=${noise}`), Buffer.from(bad)]),
      415,
    ],
    ['br', 'nothing bad', brotliCompressSync(`f=${noise}&q=garden`), null],
    ['br', 'at its end', brotliCompressSync(`f=${noise}&${bad}`), 403],
    ['br', 'cut off', brotliCompressSync(`f=${noise}`).subarray(0, -20), 415],
    ['zstd', 'nothing bad', zstdCompressSync(`f=${noise}&q=garden`), null],
    ['zstd', 'at its end', zstdCompressSync(`f=${noise}&${bad}`), 403],
    ['zstd, br', 'in two layers', brotliCompressSync(zstdCompressSync(`f=${noise}&${bad}`)), 403],
    ['compress', 'a coding that is not known', Buffer.from(noise), 415],
  ];
  for (const [coding, what, bytes, status] of cases) {
    assert.ok(bytes.length > windowBytes, `${what}: the test is about what is behind the window`);
    const stop = send(bytes.toString('latin1'), [
      ['Content-Type', form],
      ['Content-Encoding', coding],
    ]);
    assert.equal(statusOf(stop), status, `${coding}: ${what}`);
  }
});

const statusOf = (stop: Stop | null): number | null =>
  stop !== null && 'status' in stop ? stop.status : null;

function begin(fields: readonly Field[]) {
  const request = {
    method: 'POST',
    target: '/form',
    version: 'HTTP/1.1',
    fields: [['Host', 'example.org'], ...fields] as const,
  };
  const facts = { clientAddress: '192.0.2.1', tls: false };
  const transaction = new Transaction(requestView(request), facts, 'id-1', 'r', 'u', false);
  return rules.filter.begin(transaction);
}

function send(body: string, fields: readonly Field[]): Stop | null {
  const run = begin(fields);
  const bytes = Buffer.from(body, 'latin1');
  let stop = run.requestHead(false) as Stop | null;
  for (let at = 0; stop === null && at < bytes.length; at += windowBytes) {
    const overlap = at === 0 ? 0 : overlapBytes;
    const isLast = at + windowBytes >= bytes.length;
    stop = run.requestBody({
      bytes: bytes.subarray(at - overlap, at + windowBytes),
      overlap,
      position: at,
      isFirst: at === 0,
      isLast,
      isWhole: at === 0 && isLast,
    }) as Stop | null;
  }
  run.end();
  return stop;
}
