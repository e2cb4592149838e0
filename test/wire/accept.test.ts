/** What a route takes at all: methods, types, charsets, extensions and files, each refused with its reason. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = (path: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const post = (type: string, body: string): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${type === '' ? '' : `Content-Type: ${type}\r\n`}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
const file = (name: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n${content}\r\n--b--\r\n`;
const upload = (name: string, content: string): string =>
  post('multipart/form-data; boundary=b', file(name, content));

const jpeg = '\xff\xd8\xff\xe0\0\x10JFIF';
const php = '<?php system($_GET[0]);';

type Case = readonly [
  accept: Readonly<Record<string, unknown>>,
  request: string,
  status: number,
  rule?: string,
];

const cases: readonly Case[] = [
  [{ methods: ['GET', 'POST'] }, get('/'), 200],
  [{ methods: ['GET', 'POST'] }, get('/', 'DELETE'), 405, 'method'],
  [{ contentTypes: ['application/json'] }, post('application/json; charset=utf-8', '{}'), 200],
  [{ contentTypes: ['application/json'] }, post('Application/JSON', '{}'), 200],
  [{ contentTypes: ['image/*'] }, post('image/png', 'x'), 200],
  [{ contentTypes: ['application/json'] }, get('/'), 200],
  [{ contentTypes: ['application/json'] }, post('text/xml', '<a/>'), 415, 'content-type'],
  [{ contentTypes: ['application/json'] }, post('', '{}'), 415, 'content-type'],
  [
    { contentTypes: ['application/json'] },
    post('application/json\r\nContent-Type: text/xml', '{}'),
    415,
    'content-type',
  ],
  [
    { contentTypes: ['application/json'] },
    post('text/xml\r\nContent-Type: application/json', '{}'),
    415,
    'content-type',
  ],
  [{ charsets: ['utf-8'] }, post('text/plain; charset="UTF-8"', 'x'), 200],
  [{ charsets: ['utf-8'] }, post('text/plain', 'x'), 200],
  [{ charsets: ['utf-8'] }, post('text/plain; charset=utf-7', 'x'), 415, 'charset'],
  [{ charsets: ['utf-8'] }, post('text/plain; charset=utf-8; charset=ibm037', 'x'), 415, 'charset'],
  [{ extensions: ['css', 'js'] }, get('/a/site.css'), 200],
  [{ extensions: ['css', 'js'] }, get('/v1.2/site'), 200],
  [{ extensions: ['css', 'js'] }, get('/a/site.php'), 403, 'extension'],
  [{ extensions: ['css', 'js'] }, get('/shell.php;.css'), 403, 'extension'],
  [{ extensions: ['css', 'js'] }, get('/.env'), 403, 'extension'],
  [{ refusedExtensions: ['php', 'bak'] }, get('/a.phps/b.html'), 200],
  [{ refusedExtensions: ['php', 'bak'] }, get('/site.%70hp'), 403, 'extension'],
  [{ refusedExtensions: ['php', 'bak'] }, get('/up.PHP/x.jpg'), 403, 'extension'],
  [{ refusedExtensions: ['php', 'bak'] }, get('/a.php.txt'), 403, 'extension'],
  [{ refusedExtensions: ['php', 'bak'] }, get('/a.php~'), 403, 'extension'],
  [{ uploadExtensions: ['jpg'] }, upload('a.JPG', jpeg), 200],
  [{ uploadExtensions: ['jpg'] }, upload('', ''), 200],
  [{ uploadExtensions: ['jpg'] }, upload('a.php', php), 403, 'upload-extension'],
  [{ uploadExtensions: ['jpg'] }, upload('a.jpg.', php), 403, 'upload-extension'],
  [{ uploadExtensions: ['jpg'] }, upload('noname', php), 403, 'upload-extension'],
  [{ uploadTypes: ['image'] }, upload('a.jpg', jpeg), 200],
  [{ uploadTypes: ['image'] }, upload('a.jpg', php), 415, 'upload-type'],
  [{ uploadTypes: ['png'] }, upload('a.jpg', jpeg), 415, 'upload-type'],
  [{ uploadsAsNamed: true }, upload('a.jpg', jpeg), 200],
  [{ uploadsAsNamed: true }, upload('a.unknown', php), 200],
  [{ uploadsAsNamed: true }, upload('a.jpg', php), 415, 'upload-name'],
  [{ uploadsAsNamed: true }, upload('a.png', jpeg), 415, 'upload-name'],
  [{ uploadsAsNamed: true }, post('text/plain', 'x'), 200],
  [{ uploadsAsNamed: true }, post('multipart/form-data', 'x'), 400, 'multipart'],
  [{ uploadsAsNamed: true }, post('multipart/form-data; boundary=b', 'x'), 400, 'multipart'],
];

const edgeOf = (url: string, accept: unknown, waf: object = {}): EdgeOptions => ({
  ...simpleEdge(url),
  routes: [{ upstream: 'app', waf: { accept, ...waf } }],
});

describe('a route takes', () => {
  for (const [accept, request, status, rule] of cases)
    it(`${JSON.stringify(accept)}: ${status} to ${JSON.stringify(request.slice(0, 150))}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(edgeOf(origin.url, accept));
      using client = await RawClient.connect(edge.address);
      client.send(request);
      const response = await client.response();
      assert.equal(statusOf(response), status, response.raw);
      assert.deepEqual(fieldValues(response, 'allow'), status === 405 ? ['GET, POST'] : []);
      const key = `weir_requests_not_accepted_total{what="${rule}"}`;
      if (rule !== undefined) assert.equal(edge.sample(key), 1);
      const [line] = await edge.accessLines(1);
      assert.equal(
        (line?.['verdict'] as { rule: string } | undefined)?.rule,
        rule === undefined ? undefined : `weir/accept-${rule}`,
      );
      assert.equal(line?.['outcome'], rule === undefined ? 'forwarded' : 'blocked');
      assert.ok(rule === undefined || typeof line?.['reason'] === 'string');
    });
});

describe('what a route does not take', () => {
  it('is said and passes where the route only watches, or a row says so; it is never challenged', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    for (const [waf, status] of [
      [{ mode: 'monitor' }, 200],
      [{ modes: [{ rules: ['weir/accept-method'], mode: 'monitor' }] }, 200],
      [{ mode: 'off' }, 200],
      [{ mode: 'challenge' }, 405],
    ] as const) {
      await using edge = await TestEdge.start(edgeOf(origin.url, { methods: ['GET'] }, waf));
      using client = await RawClient.connect(edge.address);
      client.send(get('/', 'DELETE'));
      assert.equal(statusOf(await client.response()), status, JSON.stringify(waf));
      const [line] = await edge.accessLines(1);
      const isWatching = JSON.stringify(waf).includes('monitor');
      assert.deepEqual(line?.['monitored'], isWatching ? ['weir/accept-method'] : undefined);
    }
  });

  it('is found behind the window, and the origin gets no end of it', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...edgeOf(origin.url, { uploadTypes: ['text'] }, { bodyWindowBytes: 1_024 }),
    });
    const content = 'a line of text\r\n'.repeat(4_000);
    const body = file('a.txt', content).replace('--b--\r\n', '') + file('b.txt', '\x7fELF\x02\x01');
    using client = await RawClient.connect(edge.address);
    client.send(post('multipart/form-data; boundary=b', body));
    await edge.until('weir_requests_not_accepted_total{what="upload-type"}', 1);
    await using fine = await TestEdge.start(edgeOf(origin.url, { uploadTypes: ['text'] }));
    using other = await RawClient.connect(fine.address);
    other.send(post('multipart/form-data; boundary=b', file('a.txt', content)));
    assert.equal(statusOf(await other.response()), 200);
    assert.doesNotMatch(origin.received, /ELF/);
  });
});
