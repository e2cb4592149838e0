/** The line before the thread that looks at sampled requests, and what it does with hostile ones. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { SecretFiller } from '#replay/fill-secret.ts';
import { maskRequest } from '#replay/mask-request.ts';
import { decodeRequest, type RecordedRequest } from '#replay/recorded-request.ts';
import { Sampler, waitingMax } from '#replay/sampler.ts';
import { randomOf } from '../support/random.ts';

const request = (id: string, body: Buffer): RecordedRequest => ({
  ...{ id, atMs: 1, client: '192.0.2.1', tls: false, ja4: '', certificate: null, major: 1 },
  ...{ chunked: false, body: 'whole', route: '* /', status: 200, outcome: 'forwarded', rule: '' },
  head: Buffer.from('POST /?token=abcdef123 HTTP/1.1\r\nHost: a\r\n\r\n'),
  ...{ bytes: body, responseHead: null },
});

describe('requests in a sample', () => {
  it('wait in a bounded line, are masked, and come back in order', async () => {
    const ids: string[] = [];
    const flushed = Promise.withResolvers<string>();
    const sampler = new Sampler({
      onRecorded: (payload) => {
        const found = decodeRequest(Buffer.from(payload));
        assert.equal(found?.head.includes('abcdef123'), false);
        ids.push(found?.id ?? '');
      },
      onShadow: () => {},
      onFlushed: (recording) => flushed.resolve(recording),
      onFailed: (reason) => flushed.reject(new Error(reason)),
    });
    let taken = 0;
    while (sampler.offer(request(`r${taken}`, Buffer.from('a=1')), true, 0, [])) taken++;
    assert.equal(taken, waitingMax);
    assert.equal(sampler.offer(request('more', Buffer.alloc(0)), true, 0, []), false);
    sampler.flush('now');
    assert.equal(await flushed.promise, 'now');
    assert.deepEqual(
      ids,
      Array.from({ length: taken }, (_, index) => `r${index}`),
    );
    assert.equal(sampler.offer(request('again', Buffer.alloc(0)), true, 0, []), true);
    sampler.close();
  });

  it('have as much of their answer as the recording takes, whatever a shadow was shown', async () => {
    const found: RecordedRequest[] = [];
    const flushed = Promise.withResolvers<string>();
    const sampler = new Sampler({
      onRecorded: (payload) => {
        const one = decodeRequest(Buffer.from(payload));
        if (one !== null) found.push(one);
      },
      onShadow: () => {},
      onFlushed: (recording) => flushed.resolve(recording),
      onFailed: (reason) => flushed.reject(new Error(reason)),
    });
    const answered: RecordedRequest = {
      ...request('a', Buffer.alloc(0)),
      responseHead: Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
      ...{ answer: 'whole', answerBytes: Buffer.from('a chair, a table') },
    };
    for (const bytesMax of [0, 7, 16]) assert.ok(sampler.offer(answered, true, bytesMax, []));
    sampler.flush('now');
    await flushed.promise;
    sampler.close();
    assert.deepEqual(
      found.map(({ answer, answerBytes }) => [answer, answerBytes?.toString()]),
      [
        [undefined, undefined],
        ['cut', 'a chair'],
        ['whole', 'a chair, a table'],
      ],
    );
  });

  it('are masked whatever their bytes are, in their own length', () => {
    const seed = randomInt(1_000_000);
    const random = randomOf(seed);
    const filler = new SecretFiller();
    const pieces = [
      ...[
        '{"password":"',
        '"}',
        '&token=',
        '%',
        '%4',
        '\\u00',
        '<secret>',
        '</',
        'name="pin"\r\n\r\n',
      ],
      ...[
        '--x\r\n',
        'Bearer ',
        '=',
        ':',
        '[',
        '"',
        "'",
        'eyJabcd.ef',
        '4111111111111111',
        '\\',
        ' ',
      ],
    ];
    for (let round = 0; round < 400; round++) {
      const parts = Array.from({ length: Math.floor(random() * 30) }, () =>
        random() < 0.2
          ? randomBytes(Math.floor(random() * 20))
          : Buffer.from(pieces[Math.floor(random() * pieces.length)] ?? '', 'latin1'),
      );
      const body = Buffer.concat(parts);
      const given = { ...request('a', body), head: Buffer.concat([Buffer.from('GET /?'), body]) };
      const masked = maskRequest(given, filler);
      assert.equal(masked.bytes.length, body.length, `seed ${seed}, round ${round}`);
      assert.equal(masked.head.length, given.head.length, `seed ${seed}, round ${round}`);
    }
  });

  it('are masked in one pass, however they are made', () => {
    const filler = new SecretFiller();
    const hostile = ['{"a":', '<a ', 'a=', '"', '[', '%7b%22', 'name=\r\n', '\\', 'a:', '4', 'eyJ'];
    for (const piece of hostile) {
      const body = Buffer.from(piece.repeat(Math.floor(131_072 / piece.length)), 'latin1');
      // What goes back over what it has read takes hours for this, and the runner ends it.
      assert.equal(maskRequest(request('a', body), filler).bytes.length, body.length);
    }
  });
});
