/** A module's challenge over real sockets: the page, its solution, the pass, and what the origin sees of it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { findSolution } from '#proxy/challenge/solver.ts';
import { blockWhen, type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { allow, type Inspect } from '../support/filters.ts';
import { fieldValues, type ReadMessage, statusOf } from '../support/http-read.ts';
import { Http2Client } from '../support/http2-client.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const difficultyBits = 6;

/** Challenges what is below `/guarded`. */
const challengeGuarded: Inspect = (view) =>
  view.bytes.toString('latin1', view.pathStart, view.pathEnd).startsWith('/guarded')
    ? {
        kind: 'challenge',
        rule: 'test/guarded',
        reason: 'the page is guarded',
        target: 'path',
        matched: '/guarded',
      }
    : allow;

const guarded = (url: string, more: Record<string, unknown> = {}): EdgeOptions => ({
  ...simpleEdge(url),
  waf: { challenge: { difficultyBits } },
  routes: [
    { match: { path: '/free' }, upstream: 'app' },
    { upstream: 'app', waf: { rules: ['gate', 'words'], ...more } },
  ],
  modules: { gate: challengeGuarded, words: blockWhen('attack') },
});

const ask = (path: string, cookie = '', host = 'a.test'): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}\r\n`;
const solution = (page: string): string => {
  const challenge = /data-challenge="([^"]+)"/.exec(page)?.[1] as string;
  return `${challenge}.${findSolution(challenge, difficultyBits, 0, 1_000_000)}`;
};
/** A number that solves nothing: one in 64 would. */
const wrongly = (solved: string): string => {
  const challenge = solved.replace(/\.\d+$/, '');
  for (let number = 1; ; number++)
    if (findSolution(challenge, difficultyBits, number, 1) !== number)
      return `${challenge}.${number}`;
};
const send = (value: string, host = 'a.test'): string =>
  `POST /.well-known/weir/challenge HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nWeir-Challenge: ${value}\r\n\r\n`;
const passOf = (solved: ReadMessage): string =>
  (fieldValues(solved, 'set-cookie')[0] as string).split(';')[0] as string;

describe('the page of a challenge', () => {
  const cases: readonly (readonly [why: string, head: string, isPage: boolean, more?: object])[] = [
    ['a navigation', 'GET /guarded HTTP/1.1\r\nSec-Fetch-Mode: navigate', true],
    ['a browser that says nothing of its mode', 'GET /guarded HTTP/1.1', true],
    ['a form that is sent', 'POST /guarded HTTP/1.1\r\nSec-Fetch-Mode: Navigate', true],
    ['HEAD', 'HEAD /guarded HTTP/1.1', true],
    ['a script', 'GET /guarded HTTP/1.1\r\nSec-Fetch-Mode: cors', false],
    ['an image', 'GET /guarded HTTP/1.1\r\nsec-fetch-mode: no-cors', false],
    ['data that is sent', 'POST /guarded HTTP/1.1', false],
    ['another method', 'PUT /guarded HTTP/1.1', false],
    ['a WebSocket', 'GET /guarded HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket', false],
    ['a route that shows none', 'GET /guarded HTTP/1.1', false, { challenge: 'never' }],
  ];
  for (const [why, head, isPage, more] of cases)
    it(`is ${isPage ? '' : 'not '}for ${why}, and the other answer is 403 with the reason in the log`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(guarded(origin.url, { ...more }));
      using client = await RawClient.connect(edge.address);
      client.send(
        `${head}\r\nHost: a.test\r\nAccept: text/html\r\n${/^P/.test(head) ? 'Content-Length: 0\r\n' : ''}\r\n`,
      );
      const text = await client.until((bytes) => bytes.includes('\r\n\r\n'));
      assert.match(text, /^HTTP\/1\.1 403 /);
      assert.match(
        text,
        isPage ? /\r\nContent-Type: text\/html/i : /\r\nContent-Type: application\/problem\+json/i,
      );
      const [line] = await edge.accessLines(1);
      assert.match(
        String(line?.['reason']),
        isPage ? /^the page is guarded$/ : /^the page is guarded \(challenged without a page: /,
      );
    });

  it('can be read by who sees nothing, and lets nothing from outside in', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(ask('/guarded'));
    const page = await client.response();
    for (const part of [
      '<html lang="en">',
      /<title>[^<]+<\/title>/,
      '<main ',
      /<h1>[^<]+<\/h1>/,
      /<p role="status">[^<]+<\/p>/,
      /<progress aria-label="[^"]+">/,
      /<noscript>.*Switch it on.*<\/noscript>/,
    ])
      assert.match(page.body, typeof part === 'string' ? new RegExp(part) : part);
    assert.doesNotMatch(page.body, /\b(?:src|href)=|https?:|@import|url\(/);
    const policy = fieldValues(page, 'content-security-policy')[0] ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-/);
    assert.doesNotMatch(policy, /unsafe|\*/);
  });
});

describe('a challenge', () => {
  it('is a page whose solution opens the way, on one connection, and the origin sees no pass', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(ask('/guarded'));
    const page = await client.response();
    assert.equal(statusOf(page), 403);
    assert.deepEqual(fieldValues(page, 'content-type'), ['text/html; charset=utf-8']);
    assert.deepEqual(fieldValues(page, 'cache-control'), ['no-store']);
    assert.match(fieldValues(page, 'content-security-policy')[0] ?? '', /default-src 'none'/);
    assert.ok(page.body.includes(`<code>${fieldValues(page, 'x-request-id')[0]}</code>`));
    assert.equal(origin.connections.length, 0);

    client.send(send(solution(page.body)));
    const solved = (await client.responses(2))[1] as ReadMessage;
    assert.equal(statusOf(solved), 200);
    assert.match(
      fieldValues(solved, 'set-cookie')[0] ?? '',
      /; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    );
    const pass = passOf(solved);
    client.send(ask('/guarded', `a=1; ${pass}; b=2`));
    client.send(ask('/free', `${pass}`));
    client.send(ask('/guarded?attack', pass));
    const [, , through, free, blocked] = await client.responses(5);
    assert.deepEqual(
      [through, free, blocked].map((one) => statusOf(one as ReadMessage)),
      [200, 200, 403],
    );
    assert.match(origin.received, /\r\nCookie: a=1; b=2\r\n/);
    assert.doesNotMatch(origin.received, /weir_pass|attack/);
    assert.equal(edge.sample('weir_challenges_issued_total{as="page"}'), 1);
    assert.equal(edge.sample('weir_challenges_solved_total'), 1);
    assert.equal(edge.sample('weir_challenges_passed_total'), 2);
    const lines = await edge.accessLines(5);
    assert.deepEqual(
      lines.map((line) => [line['outcome'], line['reason']]),
      [
        ['blocked', 'the page is guarded'],
        ['forwarded', 'challenge solved'],
        ['forwarded', undefined],
        ['forwarded', undefined],
        ['blocked', 'the head holds a text'],
      ],
    );
    assert.equal((lines[0]?.['verdict'] as { rule: string } | undefined)?.rule, 'test/guarded');
    assert.equal(lines[2]?.['verdict'], undefined, 'nothing was found wrong with it');
  });

  it('over HTTP/2 is the same', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...guarded(origin.url),
      listeners: [{ address: '127.0.0.1:0', plaintext: true, http2: true }],
    });
    using client = new Http2Client(edge.address, false);
    const get = { ':path': '/guarded', accept: 'text/html' };
    const page = await client.request(get);
    assert.equal(page.status, 403);
    assert.equal(page.fields['cache-control'], 'no-store');
    const solved = await client.request({
      ':method': 'POST',
      ':path': '/.well-known/weir/challenge',
      'weir-challenge': solution(page.body.toString()),
    });
    assert.equal(solved.status, 200);
    const pass = solved.fields['set-cookie']?.[0]?.split(';')[0] as string;
    assert.equal((await client.request({ ...get, cookie: `a=1; ${pass}` })).status, 200);
    assert.match(origin.received, /\r\nCookie: a=1\r\n/);
    assert.doesNotMatch(origin.received, /weir_pass/);
  });

  it('is answered to programs in JSON, and to HEAD without a body', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('POST /guarded HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\n{}');
    const problem = await client.response();
    assert.equal(statusOf(problem), 403);
    assert.deepEqual(fieldValues(problem, 'content-type'), ['application/problem+json']);
    assert.equal(
      (JSON.parse(problem.body) as { type: string }).type,
      'urn:weir:challenge-required',
    );
    using other = await RawClient.connect(edge.address);
    other.send(ask('/guarded').replace('GET', 'HEAD'));
    assert.match(await other.until((text) => text.includes('\r\n\r\n')), /\r\n\r\n$/);
    assert.equal(origin.connections.length, 0);
  });

  it('that is solved wrongly, or for another host, brings no pass', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(ask('/guarded'));
    const value = solution((await client.response()).body);
    client.send(send(value, 'b.test'));
    client.send(send(wrongly(value)));
    const [, other, wrong] = await client.responses(3);
    for (const answer of [other, wrong]) {
      assert.equal(statusOf(answer as ReadMessage), 403);
      assert.deepEqual(fieldValues(answer as ReadMessage, 'set-cookie'), []);
    }
    assert.equal(edge.sample('weir_challenges_failed_total{what="solution",reason="host"}'), 1);
    assert.equal(edge.sample('weir_challenges_failed_total{what="solution",reason="work"}'), 1);
    assert.equal(origin.connections.length, 0);
  });

  it('of another node is a request like all others, and goes to its route', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url));
    await using elsewhere = await TestEdge.start(guarded(origin.url));
    using client = await RawClient.connect(elsewhere.address);
    client.send(ask('/guarded'));
    const value = solution((await client.response()).body);
    using here = await RawClient.connect(edge.address);
    here.send(send(value));
    assert.equal((await here.response()).body, 'ok');
    assert.match(origin.received, /^POST \/\.well-known\/weir\/challenge HTTP\/1\.1\r\n/);
  });

  it('is nothing to a route in monitor mode', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(guarded(origin.url, { mode: 'monitor' }));
    using client = await RawClient.connect(edge.address);
    client.send(ask('/guarded'));
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(edge.sample('weir_challenges_issued_total{as="page"}'), 0);
    assert.equal(edge.sample('weir_requests_monitored_total'), 1);
  });

  it('solved with one worker opens the way with another that has the same keys', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using one = await TestEdge.start(guarded(origin.url));
    await using two = await TestEdge.start(guarded(origin.url));
    const [old, current] = [randomBytes(32), randomBytes(32)];
    one.proxy.setChallengeKeys([old]);
    two.proxy.setChallengeKeys([current, old]);
    using client = await RawClient.connect(one.address);
    client.send(ask('/guarded'));
    const value = solution((await client.response()).body);
    using other = await RawClient.connect(two.address);
    other.send(send(value));
    const pass = passOf(await other.response());
    other.send(ask('/guarded', pass));
    assert.equal(statusOf((await other.responses(2))[1] as ReadMessage), 200);
  });

  it('without a route that has modules, solutions and cookies are the origin’s own affair', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(ask('/', '__weir_pass=x'));
    client.send(send(`${'A'.repeat(104)}.1`));
    await client.responses(2);
    assert.match(origin.received, /Cookie: __weir_pass=x/);
    assert.match(origin.received, /POST \/\.well-known\/weir\/challenge/);
  });
});
