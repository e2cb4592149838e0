/** Every route of the orchestrator against everybody who may not call it, and the words of its tokens. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiRole } from '#admin/api-roles.ts';
import { moduleLoadBodyBytesMax } from '#admin/module-schema.ts';
import { jsonBodyBytesMax } from '#admin/schema.ts';
import { attemptsMax } from '#core/attempt-limit.ts';
import { policyUploadBytesMax } from '#orchestrator/rollout-schema.ts';
import { rosterBodyBytesMax } from '#orchestrator/roster-schema.ts';
import { fleetImportBytesMax } from '#orchestrator/schema.ts';
import { call } from '../support/http-call.ts';
import { startTestOrchestrator, type TestOrchestrator } from '../support/orchestrator.ts';

type Route = {
  readonly method: string;
  readonly path: string;
  /** As OpenAPI has it. */
  readonly template?: string;
  readonly needs: ApiRole | 'public';
  readonly body?: string;
  readonly bodyBytesMax?: number;
  /** What it asks for is the node's to check. */
  readonly isGateway?: true;
  /** Where there is no fleet; the gate before it is what this table is about. */
  readonly status?: number;
};

const block = '{"target":"192.0.2.7"}';
const node = { template: '/api/v1/nodes/{id}' };
const routes: Route[] = [
  { method: 'GET', path: '/health', needs: 'public' },
  { method: 'GET', path: '/ready', needs: 'public' },
  { method: 'GET', path: '/metrics', needs: 'read' },
  { method: 'GET', path: '/api/v1/status', needs: 'read' },
  { method: 'GET', path: '/api/v1/openapi.json', needs: 'read' },
  { method: 'GET', path: '/api/v1/tokens', needs: 'admin' },
  {
    method: 'POST',
    path: '/api/v1/tokens',
    needs: 'admin',
    body: '{"name":"made","role":"read"}',
  },
  {
    method: 'DELETE',
    path: '/api/v1/tokens/none',
    template: '/api/v1/tokens/{name}',
    needs: 'admin',
    status: 404,
  },
  { method: 'GET', path: '/api/v1/audit', needs: 'admin' },
  { method: 'GET', path: '/api/v1/audit/verify', needs: 'admin' },
  { method: 'GET', path: '/api/v1/nodes', needs: 'read', status: 409 },
  { method: 'GET', path: '/api/v1/nodes/a', ...node, needs: 'read', status: 409 },
  {
    method: 'GET',
    path: '/api/v1/nodes/a/metrics',
    template: `${node.template}/metrics`,
    needs: 'read',
    status: 409,
  },
  { method: 'GET', path: '/api/v1/fleet', needs: 'read', status: 409 },
  { method: 'GET', path: '/api/v1/roster', needs: 'read', status: 409 },
  {
    method: 'POST',
    path: '/api/v1/roster',
    needs: 'admin',
    body: '{"trust":"{}"}',
    bodyBytesMax: rosterBodyBytesMax,
    status: 409,
  },
  {
    method: 'POST',
    path: '/api/v1/nodes/a/drain',
    template: `${node.template}/drain`,
    needs: 'operate',
    status: 409,
  },
  {
    method: 'POST',
    path: '/api/v1/nodes/a/terminate',
    template: `${node.template}/terminate`,
    needs: 'operate',
    body: '{"graceMs":500}',
    status: 409,
  },
  { method: 'GET', path: '/api/v1/blocklist', needs: 'read', status: 409 },
  { method: 'POST', path: '/api/v1/blocklist', needs: 'operate', body: block, status: 409 },
  {
    method: 'POST',
    path: '/api/v1/blocklist/import',
    needs: 'operate',
    body: '{"targets":["192.0.2.7"]}',
    bodyBytesMax: fleetImportBytesMax,
    status: 409,
  },
  {
    method: 'DELETE',
    path: '/api/v1/blocklist/192.0.2.0%2F24',
    template: '/api/v1/blocklist/{target}',
    needs: 'operate',
    status: 409,
  },
  { method: 'GET', path: '/api/v1/policies', needs: 'read', status: 409 },
  {
    method: 'GET',
    path: '/api/v1/policies/strict',
    template: '/api/v1/policies/{name}',
    needs: 'read',
    status: 409,
  },
  {
    method: 'POST',
    path: '/api/v1/policies/strict',
    template: '/api/v1/policies/{name}',
    needs: 'admin',
    body: '{"policy":"rules: {}"}',
    bodyBytesMax: policyUploadBytesMax,
    status: 409,
  },
  {
    method: 'POST',
    path: '/api/v1/modules/own',
    template: '/api/v1/modules/{name}',
    needs: 'admin',
    body: '{"module":"AGFzbQ=="}',
    bodyBytesMax: moduleLoadBodyBytesMax,
    status: 409,
  },
  { method: 'GET', path: '/api/v1/rollouts', needs: 'read', status: 409 },
  {
    method: 'POST',
    path: '/api/v1/rollouts',
    needs: 'operate',
    body: `{"kind":"module","name":"own","sha256":"${'0'.repeat(64)}"}`,
    status: 409,
  },
  {
    method: 'GET',
    path: '/api/v1/rollouts/r-1',
    template: '/api/v1/rollouts/{id}',
    needs: 'read',
    status: 409,
  },
];

for (const change of ['pause', 'resume', 'abort', 'rollback'])
  routes.push({
    method: 'POST',
    path: `/api/v1/rollouts/r-1/${change}`,
    template: `/api/v1/rollouts/{id}/${change}`,
    needs: 'operate',
    status: 409,
  });

const gateway = { isGateway: true, status: 409 } as const;
for (const [method, needs] of [
  ['GET', 'read'],
  ['POST', 'operate'],
  ['DELETE', 'operate'],
] as const) {
  const template = `${node.template}/api`;
  routes.push(
    { ...gateway, method, needs, path: '/api/v1/nodes/a/api', template },
    {
      ...gateway,
      ...{ method, needs, path: '/api/v1/nodes/a/api/v1/blocks', template: `${template}/{path}` },
    },
  );
}

const roleBelow = { read: null, operate: 'read', admin: 'operate' } as const;
const json = { 'content-type': 'application/json' };

let orchestrator: TestOrchestrator;
const tokens = new Map<string, string>();

async function send(
  { method, path, body }: Pick<Route, 'method' | 'path' | 'body'>,
  token: string | null,
  extra: Record<string, string> = {},
) {
  const answer = await call(orchestrator.address, method, path, {
    headers: {
      connection: 'close',
      ...(body === undefined ? {} : json),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...extra,
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, code: codeOf(answer.body) };
}

function codeOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined;
  }
}

async function addToken(name: string, role: string, ttlSeconds: number | null = null) {
  const { status, body } = await orchestrator.call('POST', '/api/v1/tokens', {
    body: { name, role, ttlSeconds },
  });
  assert.equal(status, 200);
  return String(body['token']);
}

describe('every route of the orchestrator', () => {
  before(async () => {
    orchestrator = await startTestOrchestrator();
    for (const role of ['read', 'operate', 'admin']) tokens.set(role, await addToken(role, role));
  });
  after(() => orchestrator[Symbol.asyncDispose]());

  for (const route of routes) {
    const { method, path, needs, body } = route;
    describe(`${method} ${path}`, () => {
      const right = () => tokens.get(needs) ?? null;

      it(`lets ${needs} in`, async () => {
        const answer = await send(route, right());
        assert.equal(answer.status, route.status ?? 200);
        assert.equal(answer.headers['cache-control'], 'no-store');
        if (route.status === 409) assert.equal(answer.code, 'FLEET_OFF');
      });

      it('refuses another Host and another Origin before all else', async () => {
        const rebound = await send(route, right(), { host: 'rebound.example' });
        assert.deepEqual([rebound.status, rebound.code], [421, 'HOST_REFUSED']);
        const foreign = await send(route, right(), { origin: 'https://elsewhere.example' });
        assert.deepEqual([foreign.status, foreign.code], [403, 'ORIGIN_REFUSED']);
      });

      // What the gateway is asked the node judges.
      if (route.isGateway !== true)
        it('refuses an unknown query key', async () => {
          const answer = await send({ ...route, path: `${path}?dry=1` }, right());
          assert.deepEqual([answer.status, answer.code], [400, 'REQUEST_INVALID']);
        });

      if (needs === 'public') return;

      const below = roleBelow[needs];
      if (below !== null)
        it(`refuses the role ${below}`, async () => {
          const answer = await send(route, tokens.get(below) ?? null);
          assert.deepEqual([answer.status, answer.code], [403, 'ROLE_REFUSED']);
        });

      if (body !== undefined) {
        it('refuses a body without a content type, of another one, and one that is no JSON', async () => {
          for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded']) {
            const answer = await send(route, right(), { 'content-type': type });
            assert.ok([400, 415].includes(answer.status), `${type}: ${answer.status}`);
            assert.ok(['MEDIA_TYPE_REFUSED', 'REQUEST_INVALID'].includes(answer.code ?? ''));
          }
          const broken = await send({ ...route, body: '{' }, right());
          assert.deepEqual([broken.status, broken.code], [400, 'REQUEST_INVALID']);
        });

        it('refuses a body that is too large', async () => {
          const large = ' '.repeat((route.bodyBytesMax ?? jsonBodyBytesMax) + 1);
          const answer = await send({ ...route, body: large }, right());
          assert.deepEqual([answer.status, answer.code], [413, 'BODY_TOO_LARGE']);
        });

        it('refuses an unknown key', async () => {
          const more = `{"dry":true,${body.slice(1)}`;
          const answer = await send({ ...route, body: more }, right());
          assert.deepEqual([answer.status, answer.code], [400, 'REQUEST_INVALID']);
        });
      }
    });
  }

  it('OpenAPI has the routes of this table and no other, each with its role', async () => {
    const { body } = await orchestrator.call('GET', '/api/v1/openapi.json');
    assert.equal(body['openapi'], '3.1.0');
    const described = Object.entries(body['paths'] ?? {}).flatMap(([path, operations]) =>
      Object.entries(operations).map(
        ([method, operation]) =>
          `${method.toUpperCase()} ${path} ${operation['x-weir-role'] ?? 'public'}`,
      ),
    );
    const tabled = routes.map(
      ({ method, path, template, needs }) => `${method} ${template ?? path} ${needs}`,
    );
    assert.deepEqual(described.toSorted(), tabled.toSorted());
  });

  it('refuses no token, a wrong one and an expired one on every route but health', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    for (const route of routes) {
      // A fresh one each time: the attempts of one source are counted.
      await using fresh = await startTestOrchestrator();
      const before = orchestrator;
      orchestrator = fresh;
      try {
        const expired = await addToken('short', 'admin', 1);
        t.mock.timers.tick(1_001);
        for (const token of [null, 'wrong', expired]) {
          const answer = await send(route, token);
          const wanted = route.needs === 'public' ? [200, undefined] : [401, 'UNAUTHORIZED'];
          assert.deepEqual([answer.status, answer.code], wanted, `${route.path} ${token}`);
        }
      } finally {
        orchestrator = before;
      }
    }
  });
});

describe('tokens', () => {
  it('are shown once, kept as hashes, hold over a restart and end when removed', async () => {
    await using first = await startTestOrchestrator();
    const made = await first.call('POST', '/api/v1/tokens', {
      body: { name: 'ci', role: 'operate' },
    });
    const token = String(made.body['token']);
    const list = await first.call('GET', '/api/v1/tokens');
    assert.ok(!JSON.stringify(list.body).includes(token));
    const twice = await first.call('POST', '/api/v1/tokens', {
      body: { name: 'ci', role: 'read' },
    });
    assert.equal(twice.status, 409);
    assert.equal((await first.call('GET', '/api/v1/status', { token })).status, 200);
    await first.stop();
    await using again = await startTestOrchestrator({ folder: `${first.state}/..` });
    assert.equal((await again.call('GET', '/api/v1/status', { token })).status, 200);
    assert.equal((await again.call('DELETE', '/api/v1/tokens/ci')).status, 200);
    assert.equal((await again.call('GET', '/api/v1/status', { token })).status, 401);
  });

  it('are not guessed: after so many failures of a source it is told to wait', async () => {
    await using guessed = await startTestOrchestrator();
    const statuses: number[] = [];
    for (let attempt = 0; attempt <= attemptsMax; attempt++)
      statuses.push((await guessed.call('GET', '/api/v1/status', { token: 'guess' })).status);
    assert.deepEqual(statuses, [...new Array<number>(attemptsMax).fill(401), 429]);
    // Who has the right one is not held up.
    assert.equal((await guessed.call('GET', '/api/v1/status')).status, 200);
  });
});
