import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { jsonBodyBytesMax } from '#admin/schema.ts';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { attemptsMax } from '#core/attempt-limit.ts';
import { type ErrorCode, errorCodes, WeirError } from '#core/errors.ts';
import { moduleBytesMax } from '#core/module-files.ts';
import { FakeControl, worker } from '../support/fake-control.ts';
import { exampleRule } from '../support/fake-rules.ts';
import { call } from '../support/http-call.ts';

const token = 'a-token-for-tests-0123456789';
const authorization = `Bearer ${token}`;
const json = { 'content-type': 'application/json' };
const wasm = { 'content-type': 'application/wasm' };

type Route = {
  readonly method: string;
  readonly path: string;
  readonly public?: true;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** What the control must have been asked for when all is well. */
  readonly calls: string;
};

const rule = { path: '/api/v1/rules' };
const routes: readonly Route[] = [
  { method: 'GET', path: '/health', public: true, calls: 'life' },
  { method: 'GET', path: '/ready', public: true, calls: 'life' },
  { method: 'GET', path: '/metrics', calls: 'metrics' },
  { method: 'GET', path: '/api/v1/status', calls: 'status' },
  { method: 'GET', path: '/api/v1/blocks', calls: 'listBlocks' },
  {
    method: 'POST',
    path: '/api/v1/blocks',
    headers: json,
    body: '{"target":"192.0.2.7"}',
    calls: 'addBlock',
  },
  { method: 'DELETE', path: '/api/v1/blocks/192.0.2.0%2F24', calls: 'removeBlock 192.0.2.0/24' },
  {
    method: 'DELETE',
    path: '/api/v1/blocks/2001%3Adb8%3A%3A%2F32',
    calls: 'removeBlock 2001:db8::/32',
  },
  { ...rule, method: 'GET', calls: 'rules.list' },
  { ...rule, method: 'POST', headers: json, body: '{"action":"pass"}', calls: 'rules.add' },
  { method: 'DELETE', path: '/api/v1/rules/1', calls: 'rules.delete 1' },
  { ...rule, method: 'DELETE', calls: 'rules.clear' },
  { method: 'GET', path: '/api/v1/modules', calls: 'listModules' },
  {
    method: 'POST',
    path: '/api/v1/modules/core',
    headers: wasm,
    body: '\0asm',
    calls: 'loadModule core',
  },
  { method: 'GET', path: '/api/v1/modules/core/history', calls: 'moduleHistory core' },
  { method: 'POST', path: '/api/v1/modules/core/rollback', calls: 'rollbackModule core null' },
  { method: 'DELETE', path: '/api/v1/modules/core/versions/2', calls: 'removeModule core 2' },
  { method: 'GET', path: '/api/v1/certificates', calls: 'listCertificates' },
  {
    method: 'POST',
    path: '/api/v1/certificates/example.org/renew',
    calls: 'renewCertificate example.org',
  },
  { method: 'POST', path: '/api/v1/reload', calls: 'reload' },
  { method: 'POST', path: '/api/v1/drain', calls: 'drain' },
  {
    method: 'POST',
    path: '/api/v1/stop',
    headers: json,
    body: '{"graceMs":500}',
    calls: 'stop 500',
  },
];

let control: FakeControl;
let server: AdminServer;
const logged: string[] = [];
const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });

async function start(): Promise<void> {
  control = new FakeControl();
  server = await startAdmin({ control, address: '127.0.0.1:0', token, logger });
}

async function send(
  route: Route,
  extra: Record<string, string> = {},
  path = route.path,
  body = route.body,
) {
  return call(server.address, route.method, path, {
    headers: { authorization, ...route.headers, ...extra },
    ...(body === undefined ? {} : { body }),
  });
}

function errorOf(body: string): { code: string; message: string; details: string[] } {
  const parsed: unknown = JSON.parse(body);
  assert.ok(typeof parsed === 'object' && parsed !== null && 'error' in parsed, body);
  return parsed.error as { code: string; message: string; details: string[] };
}

describe('every route', () => {
  before(start);
  after(() => server.close());
  beforeEach(() => {
    control.calls.length = 0;
    control.rules.entries = [exampleRule];
  });

  for (const route of routes) {
    describe(`${route.method} ${route.path}`, () => {
      it('calls the control once and answers 200', async () => {
        const answer = await send(route);
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(control.calls, [route.calls]);
        assert.equal(answer.headers['cache-control'], 'no-store');
      });

      it('refuses a Host that is not this machine', async () => {
        const answer = await send(route, { host: 'rebound.example' });
        assert.equal(answer.status, 421);
        assert.equal(errorOf(answer.body).code, 'HOST_REFUSED');
        assert.deepEqual(control.calls, []);
      });

      it('refuses a foreign Origin', async () => {
        const answer = await send(route, { origin: 'https://elsewhere.example' });
        assert.equal(answer.status, 403);
        assert.equal(errorOf(answer.body).code, 'ORIGIN_REFUSED');
        assert.deepEqual(control.calls, []);
      });

      it('accepts its own Origin and sends no CORS header', async () => {
        const answer = await send(route, { origin: server.address });
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      });

      it('refuses an unknown query key', async () => {
        const answer = await send(route, {}, `${route.path}?dry-run=1`);
        // The text of the metrics route has no JSON, but its refusal has.
        assert.equal(answer.status, 400);
        assert.match(errorOf(answer.body).details.join(), /dry-run/);
        assert.deepEqual(control.calls, []);
      });
    });
  }

  for (const route of routes.filter(({ body }) => body !== undefined)) {
    it(`${route.method} ${route.path} refuses a body without a media type`, async () => {
      const answer = await call(server.address, route.method, route.path, {
        headers: { authorization },
        ...(route.body === undefined ? {} : { body: route.body }),
      });
      assert.equal(answer.status, 415);
      assert.equal(errorOf(answer.body).code, 'MEDIA_TYPE_REFUSED');
      assert.deepEqual(control.calls, []);
    });

    it(`${route.method} ${route.path} refuses text/plain, which pages may send across sites`, async () => {
      const answer = await send(route, { 'content-type': 'text/plain' });
      assert.equal(answer.status, 415);
      assert.deepEqual(control.calls, []);
    });
  }

  for (const route of routes.filter(
    ({ method, headers }) => method !== 'GET' && headers !== wasm,
  )) {
    it(`${route.method} ${route.path} refuses an unknown key in the body`, async () => {
      const known: unknown = JSON.parse(route.body ?? '{}');
      const body = JSON.stringify({ ...(known as object), ttl: 60 });
      const answer = await send(route, json, route.path, body);
      assert.equal(answer.status, 400);
      assert.equal(errorOf(answer.body).code, 'REQUEST_INVALID');
      assert.match(errorOf(answer.body).details.join(), /ttl/);
      assert.deepEqual(control.calls, []);
    });
  }
});

describe('the token', () => {
  for (const route of routes) {
    const cases = [
      { name: 'no token', given: undefined },
      { name: 'a wrong token', given: 'Bearer wrong' },
      { name: 'another scheme', given: `Basic ${token}` },
      { name: 'a token with something behind it', given: `${authorization}x` },
    ];
    it(`${route.method} ${route.path} ${route.public === true ? 'needs none' : 'refuses a missing or wrong one'}`, async () => {
      await start();
      try {
        for (const { name, given } of cases) {
          const answer = await call(server.address, route.method, route.path, {
            headers: { ...route.headers, ...(given === undefined ? {} : { authorization: given }) },
            ...(route.body === undefined ? {} : { body: route.body }),
          });
          assert.equal(answer.status, route.public === true ? 200 : 401, name);
          if (route.public === true) continue;
          assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
          assert.match(errorOf(answer.body).message, /file "token"/);
        }
        if (route.public !== true) assert.deepEqual(control.calls, []);
      } finally {
        await server.close();
      }
    });
  }

  it('is asked for on paths that do not exist, so that probing learns nothing', async () => {
    await start();
    const unknown = await call(server.address, 'GET', '/api/v1/nothing');
    const known = await call(server.address, 'GET', '/api/v1/nothing', {
      headers: { authorization },
    });
    await server.close();
    assert.equal(unknown.status, 401);
    assert.equal(known.status, 404);
    assert.equal(errorOf(known.body).code, 'NOT_FOUND');
  });

  it('answers 429 after ten failed attempts, and still lets the right token in', async () => {
    await start();
    const statuses: number[] = [];
    for (let attempt = 0; attempt <= attemptsMax; attempt += 1) {
      const answer = await call(server.address, 'GET', '/metrics', {
        headers: { authorization: 'Bearer no' },
      });
      statuses.push(answer.status);
      if (answer.status === 429) assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    const right = await call(server.address, 'GET', '/metrics', { headers: { authorization } });
    await server.close();
    assert.deepEqual(statuses, [...new Array<number>(attemptsMax).fill(401), 429]);
    assert.equal(right.status, 200);
  });

  it('is not written to the log, neither the right one nor a wrong one', async () => {
    logged.length = 0;
    await start();
    await call(server.address, 'POST', '/api/v1/reload', { headers: { authorization } });
    await call(server.address, 'POST', '/api/v1/reload', {
      headers: { authorization: 'Bearer guessed-token' },
    });
    await server.close();
    assert.match(logged.join(''), /"management call"/);
    assert.doesNotMatch(logged.join(''), /a-token-for-tests|guessed-token/);
  });
});

describe('answers', () => {
  before(start);
  after(() => server.close());
  beforeEach(() => {
    control.failWith = null;
    control.state = 'ready';
    control.workers = [worker(0, 'ready'), worker(1, 'ready')];
    control.calls.length = 0;
    logged.length = 0;
  });
  const get = (path: string) => call(server.address, 'GET', path, { headers: { authorization } });
  const post = (path: string, body: string) =>
    call(server.address, 'POST', path, { headers: { authorization, ...json }, body });

  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    it(`${code} becomes ${errorCodes[code].status} with its message and details`, async () => {
      control.failWith = new WeirError(code, 'it went wrong', {
        details: ['do this'],
        cause: new Error('inner'),
      });
      const answer = await get('/api/v1/status');
      assert.equal(answer.status, errorCodes[code].status);
      assert.deepEqual(errorOf(answer.body), {
        code,
        message: 'it went wrong',
        details: ['do this'],
      });
    });
  }

  it('an unknown error becomes 500 that says nothing of the inside, and is logged in full', async () => {
    control.failWith = new Error('secret path /srv/inside');
    const answer = await get('/api/v1/status');
    assert.equal(answer.status, 500);
    assert.equal(errorOf(answer.body).code, 'INTERNAL');
    assert.doesNotMatch(answer.body, /secret|\/srv/);
    assert.match(logged.join(''), /secret path \/srv\/inside/);
  });

  it('/health answers 503 while draining, /ready says why it is not', async () => {
    control.state = 'draining';
    control.workers = [worker(0, 'ready'), worker(1, 'backoff')];
    const health = await get('/health');
    const ready = await get('/ready');
    assert.deepEqual([health.status, JSON.parse(health.body)], [503, { status: 'draining' }]);
    assert.deepEqual(
      [ready.status, JSON.parse(ready.body)],
      [
        503,
        {
          ready: false,
          reasons: ['the node is in state draining', 'worker 1 is in state backoff'],
        },
      ],
    );
  });

  it('/health answers 503 in the form of an error when the control call fails so', async () => {
    control.failWith = new WeirError('SHUTTING_DOWN', 'the node is going down');
    const answer = await get('/health');
    assert.deepEqual([answer.status, errorOf(answer.body).code], [503, 'SHUTTING_DOWN']);
  });

  it('/ready is 503 while there are no workers', async () => {
    control.workers = [];
    assert.equal((await get('/ready')).status, 503);
  });

  it('/metrics speaks the Prometheus text format', async () => {
    const answer = await get('/metrics');
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(answer.body, /^weir_requests_total 5$/m);
  });

  it('/api/v1/status gives every field of the control as it is', async () => {
    control.degraded = [{ part: 'worker 1', reason: 'restarted 3 times' }];
    const answer = await get('/api/v1/status');
    assert.deepEqual(JSON.parse(answer.body), await control.status());
    control.degraded = [];
  });

  const bodies = [
    { body: '{"target":"192.0.2.1","ttlSeconds":1}', status: 200 },
    { body: '{"target":"192.0.2.1","ttlSeconds":31536000}', status: 200 },
    { body: '{"target":"192.0.2.1","ttlSeconds":null}', status: 200 },
    { body: '{"target":"192.0.2.1","ttlSeconds":0}', status: 400 },
    { body: '{"target":"192.0.2.1","ttlSeconds":31536001}', status: 400 },
    { body: '{"target":"192.0.2.1","ttlSeconds":1.5}', status: 400 },
    { body: '{"target":"192.0.2.1","ttlSeconds":"60"}', status: 400, why: 'no silent conversion' },
    { body: '{"target":42}', status: 400 },
    { body: '{}', status: 400 },
    { body: '[]', status: 400 },
    { body: 'null', status: 400 },
    { body: '', status: 400 },
    { body: '{"target":', status: 400 },
    { body: '{"target":"192.0.2.1","__proto__":{"a":1}}', status: 400 },
    {
      body: '{"target":"192.0.2.1","reason":"red\\u001b[31m"}',
      status: 400,
      why: 'terminal escapes',
    },
    { body: `{"target":"192.0.2.1","reason":"${'r'.repeat(257)}"}`, status: 400 },
    { body: `{"target":"192.0.2.1","reason":"${'r'.repeat(jsonBodyBytesMax)}"}`, status: 413 },
  ];
  for (const { body, status } of bodies) {
    it(`POST /api/v1/blocks with ${body.slice(0, 60)} answers ${status}`, async () => {
      const answer = await post('/api/v1/blocks', body);
      assert.equal(answer.status, status, answer.body);
      assert.deepEqual(control.calls, status === 200 ? ['addBlock'] : []);
    });
  }

  it('hands a block to the control with its origin, and shows it in the list', async () => {
    await post('/api/v1/blocks', '{"target":"2001:db8::/32","ttlSeconds":60,"reason":"scan"}');
    assert.deepEqual(control.added.at(-1), {
      target: '2001:db8::/32',
      action: 'drop',
      ttlSeconds: 60,
      reason: 'scan',
      origin: 'operator',
    });
    assert.match((await get('/api/v1/blocks')).body, /"2001:db8::\/32"/);
  });

  it('gives the list in pages of at most 1,000', async () => {
    control.blocks.clear();
    for (const target of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      await post('/api/v1/blocks', JSON.stringify({ target, action: 'monitor' }));
    const first = JSON.parse((await get('/api/v1/blocks?limit=2')).body);
    assert.deepEqual([first.entries.length, first.count], [2, 3]);
    const second = JSON.parse((await get(`/api/v1/blocks?limit=2&after=${first.next}`)).body);
    assert.deepEqual([second.entries.length, second.next], [1, null]);
    assert.equal(second.entries[0].action, 'monitor');
    for (const limit of ['0', '1001', '-1', 'all', '2&limit=3'])
      assert.equal((await get(`/api/v1/blocks?limit=${limit}`)).status, 400, limit);
  });

  it('says whether a removed block was there', async () => {
    control.blocks.clear();
    await post('/api/v1/blocks', '{"target":"192.0.2.9"}');
    const remove = () =>
      call(server.address, 'DELETE', '/api/v1/blocks/192.0.2.9', { headers: { authorization } });
    assert.match((await remove()).body, /"removed":true/);
    assert.match((await remove()).body, /"removed":false/);
  });

  it('takes a module of exactly the largest size and refuses one byte more', async () => {
    const load = (size: number) =>
      call(server.address, 'POST', '/api/v1/modules/core', {
        headers: { authorization, ...wasm },
        body: new Uint8Array(size),
      });
    assert.equal((await load(moduleBytesMax)).status, 200);
    assert.equal(control.loaded?.length, moduleBytesMax);
    const over = await load(moduleBytesMax + 1);
    assert.deepEqual([over.status, errorOf(over.body).code], [413, 'BODY_TOO_LARGE']);
  });

  it('takes a module as JSON with what came beside it', async () => {
    const signature = {
      module: 'core',
      sha256: 'ab'.repeat(32),
      sequence: 7,
      signature: `${'A'.repeat(86)}==`,
    };
    const load = (body: unknown) =>
      call(server.address, 'POST', '/api/v1/modules/core', {
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const module = Buffer.from('wasm').toString('base64');
    assert.equal((await load({ module, signature, cases: '[]' })).status, 200);
    assert.equal(Buffer.from(control.loaded ?? []).toString(), 'wasm');
    assert.deepEqual(control.sentAlong, { signature, cases: '[]', sourceMap: null });
    for (const body of [
      {},
      { module: '' },
      { module: 'not base64!' },
      { module, signatur: signature },
      { module, signature: { ...signature, sequence: -1 } },
      { module, signature: { ...signature, signature: 'short' } },
    ]) {
      const refused = await load(body);
      assert.equal(errorOf(refused.body).code, 'REQUEST_INVALID', JSON.stringify(body));
    }
    const largest = { module: Buffer.alloc(moduleBytesMax).toString('base64') };
    assert.equal((await load(largest)).status, 200);
    const over = await load({ module: Buffer.alloc(moduleBytesMax + 1).toString('base64') });
    assert.deepEqual([over.status, errorOf(over.body).code], [413, 'BODY_TOO_LARGE']);
  });

  it('refuses a module without bytes', async () => {
    const empty = await call(server.address, 'POST', '/api/v1/modules/core', {
      headers: { authorization },
    });
    assert.deepEqual([empty.status, control.calls], [400, []]);
  });

  it('names the configured modules when one is unknown', async () => {
    const answer = await call(server.address, 'POST', '/api/v1/modules/My%20Rules', {
      headers: { authorization, ...wasm },
      body: '\0asm',
    });
    assert.deepEqual([answer.status, errorOf(answer.body).details], [404, ['configured: core']]);
  });

  it('stops with a grace of its own when none is given', async () => {
    const answer = await call(server.address, 'POST', '/api/v1/stop', {
      headers: { authorization },
    });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(control.calls, ['stop 10000']);
  });
});

describe('listening', () => {
  it('works on IPv6 and answers to that address', async () => {
    const six = await startAdmin({ control: new FakeControl(), address: '[::1]:0', token, logger });
    const answer = await call(six.address, 'GET', '/health');
    await six.close();
    assert.match(six.address, /^http:\/\/\[::1\]:\d+$/);
    assert.equal(answer.status, 200);
  });

  it('says which address is taken and what to do', async () => {
    await start();
    const address = new URL(server.address).host;
    await assert.rejects(startAdmin({ control, address, token, logger }), (error) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, new RegExp(address));
      return true;
    });
    await server.close();
  });

  for (const address of ['localhost', '127.0.0.1:99999', '::1:80', '']) {
    it(`refuses "${address}" as an address`, async () => {
      await assert.rejects(startAdmin({ control, address, token, logger }), /is not host:port/);
    });
  }
});
