import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeRequest, type RecordedRequest } from '#replay/recorded-request.ts';
import {
  encodeBegin,
  encodeEnd,
  frameBytesMax,
  type RecordingPart,
  RecordingReader,
  requestFrame,
} from '#replay/recording-format.ts';
import { randomOf } from '../support/random.ts';

const begin = {
  startedAtMs: 1,
  sharePercent: 50,
  routes: ['* /'],
  bodyBytesMax: 10,
  generation: 3,
};
const end = { endedAtMs: 2, why: 'asked for', requests: 2, dropped: 1 };

const request = (id: string, body: string): RecordedRequest => ({
  ...{ id, atMs: 1, client: '2001:db8::1', tls: true, ja4: 't13', certificate: null },
  ...{ major: 2, chunked: false, body: 'whole', route: '* /', status: 200 },
  ...{ outcome: 'forwarded', rule: '' },
  ...(body === '' ? null : { answer: 'cut' }),
  head: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  bytes: Buffer.from(body),
  responseHead: body === '' ? null : Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
  ...(body === '' ? null : { answerBytes: Buffer.from(`an answer to ${body}`) }),
});

const file = Buffer.concat([
  encodeBegin(begin),
  requestFrame(encodeRequest(request('a', ''))),
  requestFrame(encodeRequest(request('b', 'body'))),
  encodeEnd(end),
]);

function read(
  bytes: Buffer,
  pieceBytes: number,
): { parts: RecordingPart[]; problem: string | null } {
  const reader = new RecordingReader();
  const parts: RecordingPart[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    parts.push(...reader.push(bytes.subarray(at, at + pieceBytes)));
  reader.end();
  return { parts, problem: reader.problem };
}

const idsOf = (parts: readonly RecordingPart[]): string[] =>
  parts.flatMap((part) => (part.kind === 'request' ? [part.request.id] : []));

describe('the file of a recording', () => {
  it('comes back as it was written, whatever pieces it is read in', () => {
    for (const pieceBytes of [1, 2, 7, 64, file.length]) {
      const { parts, problem } = read(file, pieceBytes);
      assert.equal(problem, null);
      assert.deepEqual(
        parts.map(({ kind }) => kind),
        ['begin', 'request', 'request', 'end'],
      );
      const [first, , second, last] = parts;
      assert.deepEqual(first, { kind: 'begin', begin });
      assert.deepEqual(second, { kind: 'request', request: request('b', 'body') });
      assert.deepEqual(last, { kind: 'end', end });
    }
  });

  it('stands up to where it is cut off', () => {
    for (let length = 0; length < file.length; length++) {
      const { parts, problem } = read(file.subarray(0, length), 16);
      assert.ok(parts.length < 4);
      if (parts.length === 0) assert.match(problem ?? '', /is no recording/);
    }
    assert.deepEqual(idsOf(read(file.subarray(0, file.length - 3), 16).parts), ['a', 'b']);
  });

  const refused: readonly (readonly [string, Buffer, RegExp])[] = [
    ['other bytes', Buffer.from('PNG and so on, long enough'), /is no recording of Weir/],
    [
      'a later version',
      Buffer.concat([Buffer.from('WEIRREC\x02', 'latin1'), file.subarray(8)]),
      /version 2/,
    ],
    ['a huge frame', huge(), /has a frame of \d+ bytes/],
    ['something behind the end', Buffer.concat([file, Buffer.alloc(16)]), /goes on behind its end/],
    [
      'two beginnings',
      Buffer.concat([file.subarray(0, encodeBegin(begin).length), encodeBegin(begin).subarray(8)]),
      /none of a recording/,
    ],
  ];
  for (const [name, bytes, problem] of refused)
    it(`refuses ${name}`, () => assert.match(read(bytes, 32).problem ?? '', problem));

  it('never fails in another way, and gives nothing that was not written', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    const written = new Set([
      JSON.stringify(request('a', '')),
      JSON.stringify(request('b', 'body')),
    ]);
    for (let round = 0; round < 3_000; round++) {
      const bytes = Buffer.from(file);
      for (let i = 0; i <= random() * 3; i++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const cut = random() < 0.3 ? Math.floor(random() * bytes.length) : bytes.length;
      const { parts } = read(bytes.subarray(0, cut), 1 + Math.floor(random() * 200));
      for (const part of parts)
        if (part.kind === 'request')
          assert.ok(written.has(JSON.stringify(part.request)), `seed ${seed}, round ${round}`);
    }
  });
});

function huge(): Buffer {
  const bytes = Buffer.from(file);
  bytes.writeUInt32LE(frameBytesMax + 1, 8);
  return bytes;
}
