/** The origin of a test run answers as the tests presume. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ReflectingOrigin, startReflectingOrigin } from '#toolchain/ftw/reflecting-origin.ts';
import { testSetup } from '#toolchain/ftw/test-setup.ts';
import { loadText, problemsOf } from '../../support/rule-text.ts';

let origin: ReflectingOrigin;
before(async () => {
  origin = await startReflectingOrigin();
});
after(() => origin[Symbol.asyncDispose]());

/** Everything that comes until the origin closes. */
function send(...pieces: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(origin.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', reject);
  socket.on('end', () => resolve(text));
  for (const piece of pieces) socket.write(piece, 'latin1');
  return promise;
}

const reflect = (body: string): string =>
  `POST /reflect HTTP/1.1\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('the reflecting origin', () => {
  it('answers 200 with nothing to everything, whatever the method and the target', async () => {
    for (const line of ['GET / HTTP/1.1', '|GET /\u00ff HTTP/1.1', 'CONNECT 1.2.3.4:80 HTTP/1.1']) {
      const answer = await send(`${line}\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 200 .*\r\nContent-Length: 0\r\n\r\n$/);
    }
  });

  it('reflects status, fields and body', async () => {
    const answer = await send(reflect('{"status":404,"headers":{"X-A":"b"},"body":"hello"}'));
    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.match(answer, /\r\nX-A: b\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    assert.match(answer, /Content-Length: 5\r\n\r\nhello$/);
    assert.match(await send(reflect('{"encodedBody":"aGk="}')), /\r\n\r\nhi$/);
  });

  it('refuses what says nothing sensible', async () => {
    for (const body of ['{', '[]x', '{"status":99}', '{"status":"200"}', '"x"']) {
      assert.match(await send(reflect(body)), /^HTTP\/1\.1 400 /, body);
    }
  });

  it('reads bodies in chunks, trailers, and requests one behind the other', async () => {
    const chunked =
      'POST /reflect/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"bo\r\nb;x=y\r\ndy":"abc"  \r\n3\r\n  }\r\n0\r\nX: y\r\n\r\n';
    const answer = await send(chunked, reflect('{"body":"second"}'));
    assert.match(answer, /\r\n\r\nabcHTTP\/1\.1 200[\s\S]*\r\n\r\nsecond$/);
  });
});

describe('the setup of the tests', () => {
  it('is in order', () => assert.deepEqual(problemsOf(loadText(testSetup)), []));
});
