/** What a route can do with a request and its response, seen from both ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, readOne, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

type Exchange = { readonly response: ReadMessage; readonly request: ReadMessage | null };

/** One request through an edge with one upstream; what the origin got, null when nothing. */
async function exchange(
  options: Omit<EdgeOptions, 'upstreams'>,
  request: string,
  answer = plainAnswer,
): Promise<Exchange> {
  await using origin = await RawOrigin.answering(answer);
  await using edge = await TestEdge.start({
    ...options,
    upstreams: { app: { servers: [{ url: origin.url }] } },
  });
  using client = await RawClient.connect(edge.address);
  client.send(request);
  const response = await client.response();
  return { response, request: origin.received === '' ? null : readOne(origin.received) };
}

const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;

describe('a route', () => {
  const routes = [
    {
      match: { path: '/only', exact: true },
      upstream: 'app',
      responseHeaders: { set: { R: 'exact' } },
    },
    { match: { path: '/only' }, upstream: 'app', responseHeaders: { set: { R: 'below' } } },
    {
      match: { path: '/form', methods: ['POST', 'PUT'] },
      upstream: 'app',
      responseHeaders: { set: { R: 'write' } },
    },
    { match: { path: '/form' }, upstream: 'app', responseHeaders: { set: { R: 'read' } } },
    {
      match: { headers: [{ name: 'X-Version', value: '2' }] },
      upstream: 'app',
      responseHeaders: { set: { R: 'two' } },
    },
    {
      match: { headers: [{ name: 'X-Beta' }] },
      upstream: 'app',
      responseHeaders: { set: { R: 'beta' } },
    },
    { upstream: 'app', responseHeaders: { set: { R: 'any' } } },
  ];
  const rows: readonly (readonly [request: string, route: string])[] = [
    [get('/only'), 'exact'],
    [get('/only?q=1'), 'exact'],
    [get('/only/'), 'below'],
    [get('/only/x'), 'below'],
    [get('/onlyx'), 'any'],
    [get('/form'), 'read'],
    ['POST /form HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n', 'write'],
    ['post /form HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n', 'read'],
    [get('/', 'x-version: 2\r\n'), 'two'],
    [get('/', 'X-Version: 22\r\n'), 'any'],
    [get('/', 'X-Version: 1\r\nX-Version: 2\r\n'), 'two'],
    [get('/', 'X-Beta:\r\n'), 'beta'],
  ];
  for (const [request, route] of rows) {
    it(`${JSON.stringify(request)} takes ${route}`, async () => {
      const { response } = await exchange({ routes }, request);
      assert.deepEqual(fieldValues(response, 'r'), [route]);
    });
  }
});

describe('header rules', () => {
  it('set and remove fields of the request, whatever the client sent', async () => {
    const { request } = await exchange(
      {
        routes: [
          {
            upstream: 'app',
            requestHeaders: { set: { 'X-Tenant': 'blue' }, remove: ['X-Debug', 'Cookie'] },
          },
        ],
      },
      get('/', 'x-tenant: red\r\nX-DEBUG: 1\r\nCookie: a=b\r\nX-Kept: yes\r\nX-Tenant: green\r\n'),
    );
    assert.ok(request !== null);
    assert.deepEqual(fieldValues(request, 'x-tenant'), ['blue']);
    assert.deepEqual(fieldValues(request, 'x-debug'), []);
    assert.deepEqual(fieldValues(request, 'cookie'), []);
    assert.deepEqual(fieldValues(request, 'x-kept'), ['yes']);
  });

  const answer =
    'HTTP/1.1 200 OK\r\nServer: Apache/2.4\r\nX-Powered-By: PHP/8\r\nX-Frame-Options: DENY\r\nX-Old: 1\r\nContent-Length: 2\r\n\r\nok';

  it('hide what the server is, unless told otherwise', async () => {
    const hidden = await exchange({ routes: [{ upstream: 'app' }] }, get('/'), answer);
    assert.deepEqual(fieldValues(hidden.response, 'server'), []);
    assert.deepEqual(fieldValues(hidden.response, 'x-powered-by'), []);
    const shown = await exchange(
      { routes: [{ upstream: 'app', hideServer: false }] },
      get('/'),
      answer,
    );
    assert.deepEqual(fieldValues(shown.response, 'server'), ['Apache/2.4']);
  });

  it('set and remove fields of the response', async () => {
    const { response } = await exchange(
      {
        routes: [
          { upstream: 'app', responseHeaders: { set: { 'X-New': '2' }, remove: ['x-old'] } },
        ],
      },
      get('/'),
      answer,
    );
    assert.deepEqual(fieldValues(response, 'x-new'), ['2']);
    assert.deepEqual(fieldValues(response, 'x-old'), []);
    assert.equal(response.body, 'ok');
  });

  it('harden a response with what the origin has left out, and leave what it said', async () => {
    const { response } = await exchange(
      { routes: [{ upstream: 'app', hardening: 'strict' }] },
      get('/'),
      answer,
    );
    assert.deepEqual(fieldValues(response, 'x-content-type-options'), ['nosniff']);
    assert.deepEqual(fieldValues(response, 'x-frame-options'), ['DENY']);
    assert.deepEqual(fieldValues(response, 'referrer-policy'), ['strict-origin-when-cross-origin']);
    assert.deepEqual(fieldValues(response, 'cross-origin-opener-policy'), ['same-origin']);
    assert.deepEqual(
      fieldValues(response, 'strict-transport-security'),
      [],
      'a browser ignores it without TLS',
    );
  });
});

describe('a prefix is rewritten', () => {
  const rows: readonly (readonly [from: string, to: string, target: string, upstream: string])[] = [
    ['/api', '/v2', '/api/users?id=/api', '/v2/users?id=/api'],
    ['/api', '/v2', '/api', '/v2'],
    ['/api', '/v2', '/api?x', '/v2?x'],
    ['/api/', '/', '/api/users', '/users'],
    ['/', '/app/', '/users', '/app/users'],
    ['/a', '/longer/than/before', 'http://a.test/a/b', '/longer/than/before/b'],
  ];
  for (const [from, to, target, upstream] of rows) {
    it(`${from} to ${to}: ${target}`, async () => {
      const { request } = await exchange(
        { routes: [{ match: { path: from }, upstream: 'app', rewritePrefix: to }] },
        get(target),
      );
      assert.equal(request?.first, `GET ${upstream} HTTP/1.1`);
    });
  }

  it('and a path that says the prefix in another spelling is refused', async () => {
    const { response, request } = await exchange(
      { routes: [{ match: { path: '/api' }, upstream: 'app', rewritePrefix: '/v2' }] },
      get('/%61pi/users'),
    );
    assert.equal(statusOf(response), 404);
    assert.equal(request, null);
  });
});

describe('limits', () => {
  const routes = [{ upstream: 'app', limits: { bodyBytesMax: 4, responseBytesMax: 10 } }];
  const rows: readonly (readonly [
    what: string,
    request: string,
    answer: string,
    status: number,
  ])[] = [
    [
      'a request body of the most a route takes',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody',
      plainAnswer,
      200,
    ],
    [
      'one byte more',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbody5',
      plainAnswer,
      413,
    ],
    [
      'the longest response',
      get('/'),
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789',
      200,
    ],
    ['one byte more', get('/'), 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a', 502],
  ];
  for (const [what, request, answer, status] of rows) {
    it(`${what}: ${status}`, async () => {
      const { response } = await exchange({ routes }, request, answer);
      assert.equal(statusOf(response), status);
    });
  }

  const query = (edge: Record<string, unknown>, target: string) =>
    exchange({ edge: { limits: edge }, routes: [{ upstream: 'app' }] }, get(target));
  it('as many parameters as allowed pass, one more does not', async () => {
    assert.equal(statusOf((await query({ parametersMax: 3 }, '/?a=1&b=2&c')).response), 200);
    assert.equal(statusOf((await query({ parametersMax: 3 }, '/?a=1&b=2&c&d')).response), 414);
  });
  it('a parameter of the most bytes passes, one more does not', async () => {
    assert.equal(statusOf((await query({ parameterBytesMax: 4 }, '/?a=12&abcd')).response), 200);
    assert.equal(statusOf((await query({ parameterBytesMax: 4 }, '/?a=123&b')).response), 414);
    assert.equal(statusOf((await query({ parameterBytesMax: 4 }, '/?b&a=123')).response), 414);
  });

  it('a response without a length is cut where it grows too long', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n',
    );
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes,
    });
    using client = await RawClient.connect(edge.address);
    client.send(get('/'));
    await client.until((bytes) => bytes.includes('01234'));
    (await origin.connection(0)).write('6\r\n567890\r\n0\r\n\r\n');
    assert.doesNotMatch(await client.untilEnded(), /567890|\r\n0\r\n/);
  });

  it('an exchange that lasts longer than its route allows answers 504', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app', timeouts: { totalMs: 30 } }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(get('/'));
    assert.equal(statusOf(await client.response()), 504);
    await (await origin.connection(0)).untilEnded();
  });

  it('a tunnel ends when its total time is used up, although bytes flow', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app', timeouts: { tunnelTotalMs: 50 } }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
    await client.until((bytes) => bytes.startsWith('HTTP/1.1 101'));
    await client.untilEnded();
    await (await origin.connection(0)).untilEnded();
  });
});

describe('a request body that trickles', () => {
  it('is cut once its mean rate is too low, although bytes keep coming', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      edge: { limits: { bodyBytesPerSecondMin: 1_000_000 }, timeouts: { bodyIdleMs: 1_000 } },
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nx');
    const drip = setInterval(() => client.send('x'), 5);
    const all = await client.untilEnded();
    clearInterval(drip);
    assert.match(all, /^HTTP\/1\.1 408 /);
    await (await origin.connection(0)).untilEnded();
  });
});

describe('a canary', () => {
  it('takes its share of the addresses, and one address always goes one way', async () => {
    await using steady = await RawOrigin.answering(plainAnswer);
    await using canary = await RawOrigin.answering(plainAnswer.replace('ok', 'cy'));
    await using edge = await TestEdge.start({
      edge: { trustedProxies: ['127.0.0.1'] },
      upstreams: {
        app: { servers: [{ url: steady.url }] },
        next: { servers: [{ url: canary.url }] },
      },
      routes: [{ upstream: 'app', canary: { upstream: 'next', percent: 25 } }],
    });
    const requests = Array.from({ length: 400 }, (_, i) =>
      get('/', `X-Forwarded-For: 198.51.${i >> 8}.${i & 255}\r\n`),
    );
    const sides = async (): Promise<string[]> => {
      using client = await RawClient.connect(edge.address);
      client.send(requests.join(''));
      return (await client.responses(requests.length)).map(({ body }) => body);
    };
    const first = await sides();
    const share = first.filter((body) => body === 'cy').length;
    assert.ok(share > 60 && share < 140, `${share} of 400`);
    assert.deepEqual(await sides(), first);
  });
});
