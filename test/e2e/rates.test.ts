/**
 * Rates and behaviour through the shipped edge. Windows and penalties are minutes and hours long, so nothing here is
 * about when they end (`test/behaviour/` has clocks for that). What takes effect by way of the supervisor is awaited.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { Http2Client } from '../support/http2-client.ts';
import { until } from '../support/until.ts';

const config = (url: string): string => `
edge:
  workers: 2
  trustedProxies: [127.0.0.1]
  allow: [203.0.113.0/24]
  limits: { unlimitedAddresses: [] }
  listeners: [{ address: "127.0.0.1:0", plaintext: true, http2: true }]
upstreams: { app: { servers: [{ url: "${url}" }] } }
routes:
  - { match: { path: / }, upstream: app }
  - { match: { path: /busy }, upstream: app }
rates:
  - { name: slow, match: { path: /slow }, limit: 3, perSeconds: 3600, burst: 3, penaltySeconds: 600 }
  - { name: key, match: { path: /keyed }, key: ["header:x-api-key"], limit: 1, perSeconds: 3600, burst: 1, penaltySeconds: 0 }
  - { name: look, match: { path: /look }, limit: 1, perSeconds: 3600, burst: 1, mode: monitor }
  - { name: soft, match: { path: /soft }, limit: 1, perSeconds: 3600, burst: 1, mode: challenge }
behaviour:
  violations: { count: 8, windowSeconds: 86400 }
  errors: { count: 40, windowSeconds: 86400 }
  requests: { count: 200, windowSeconds: 86400 }
  logins:
    - { path: /login, user: user, perAddress: 4, perUser: 4, windowSeconds: 86400, action: challenge }
    - { path: /api/login, user: user, perAddress: 4, perUser: 0, windowSeconds: 86400, action: block, holdSeconds: 1200 }
  baseline: { requestsMin: 20 }
`;

type Answer = {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
};

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const folder = mkdtempSync(join(tmpdir(), 'weir-rates-'));
const state = join(folder, 'state');
let edge: EdgeProcess;
let origin: http.Server;

/** As the client that a trusted proxy speaks for. */
function ask(
  client: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { method = 'GET', headers = {}, body } = options;
  const request = http.request(
    {
      ...{ host: '127.0.0.1', port: edge.ports[0], method, path, agent },
      headers: { 'x-forwarded-for': client, ...headers },
    },
    (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString(),
        }),
      );
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}

async function statuses(times: number, client: string, path: string): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push((await ask(client, path)).status);
  return all;
}

const login = (client: string, path: string, user: string, password: string): Promise<Answer> => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return ask(client, path, { method: 'POST', headers, body: `user=${user}&password=${password}` });
};

const isChallenge = ({ status, body }: Answer): boolean =>
  status === 403 && body.includes('urn:weir:challenge-required');

type Entry = { target: string; origin: string; reason: string; expiresAt: string };

async function blockOf(target: string): Promise<Entry | undefined> {
  const { body } = await edge.call('GET', '/api/v1/blocks?limit=1000');
  return (body['entries'] as Entry[]).find((entry) => entry.target === target);
}

async function blocked(target: string): Promise<Entry> {
  let entry: Entry | undefined;
  await until(
    () => `${target} is blocked`,
    async () => {
      entry = await blockOf(target);
      return entry !== undefined;
    },
  );
  return entry ?? assert.fail();
}

before(async () => {
  origin = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const isLogin = request.url?.endsWith('/login') === true;
      if (isLogin) response.statusCode = body.includes('password=right') ? 200 : 401;
      else if (request.url?.startsWith('/missing') === true) response.statusCode = 404;
      response.end('a document');
    });
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  // As a process before this one had left it after an hour: once a minute is usual.
  mkdirSync(state, { mode: 0o700 });
  const usual = { slotMs: 60_000, counts: Array.from({ length: 60 }, () => 1), untilMs: 0 };
  const kept = { routes: { '* /busy': usual }, offences: [['198.51.100.80', 1, Date.now()]] };
  writeFileSync(join(state, 'behaviour.json'), JSON.stringify(kept), { mode: 0o600 });
  const { port } = origin.address() as AddressInfo;
  edge = await startEdgeProcess(config(`http://127.0.0.1:${port}`), state);
});

after(async () => {
  await edge[Symbol.asyncDispose]();
  const kept = JSON.parse(readFileSync(join(state, 'behaviour.json'), 'utf8'));
  assert.equal(kept.routes['* /busy'].counts.length, 60, 'what was learned outlives the process');
  agent.destroy();
  origin.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a rate', () => {
  it('answers 429 beyond its burst, with the penalty in Retry-After, and leaves others alone', async () => {
    assert.deepEqual(await statuses(3, '192.0.2.1', '/slow'), [200, 200, 200]);
    let seconds = 0;
    await until('429', async () => {
      const { status, headers } = await ask('192.0.2.1', '/%73low/x');
      seconds = Number(headers['retry-after']);
      return status === 429;
    });
    assert.ok(seconds > 500 && seconds <= 1_200, String(seconds));
    assert.equal((await ask('192.0.2.2', '/slow')).status, 200);
    assert.equal((await ask('192.0.2.1', '/')).status, 200);
  });

  it('is the same over HTTP/2, and one for both workers and a whole /64', async () => {
    using client = new Http2Client(`127.0.0.1:${edge.ports[0]}`, false);
    let host = 0;
    await until('429 over HTTP/2', async () => {
      const fields = { ':path': '/slow', 'x-forwarded-for': `2001:db8:1:2::${++host}` };
      return (await client.request(fields)).status === 429;
    });
    await until('429 over HTTP/1.1, and so in every worker', async () => {
      const answer = await ask(`2001:db8:1:2::${++host}`, '/slow');
      return answer.status === 429;
    });
    assert.equal((await ask('2001:db8:1:3::1', '/slow')).status, 200);
  });

  it('of a header counts who sends it, from wherever', async () => {
    const keyed = (client: string, key: string) =>
      ask(client, '/keyed', { headers: { 'x-api-key': key } });
    assert.equal((await keyed('192.0.2.10', 'one')).status, 200);
    await until('429', async () => (await keyed('192.0.2.11', 'one')).status === 429);
    assert.equal((await keyed('192.0.2.11', 'two')).status, 200);
  });

  it('never holds for an address of edge.allow', async () => {
    assert.deepEqual(new Set(await statuses(9, '203.0.113.1', '/slow')), new Set([200]));
  });

  it('that only watches lets all pass, and is an event', async () => {
    assert.deepEqual(await statuses(4, '192.0.2.20', '/look'), [200, 200, 200, 200]);
    await until('the event', async () => {
      const { body } = await edge.call('GET', '/api/v1/events');
      return JSON.stringify(body).includes('"rule":"rate/look"');
    });
  });

  it('that challenges asks for a pass', async () => {
    assert.equal((await ask('192.0.2.21', '/soft')).status, 200);
    const headers = { accept: 'text/html' };
    await until('the page', async () => {
      const { status, body } = await ask('192.0.2.21', '/soft', { headers });
      return status === 403 && body.includes('data-challenge=');
    });
  });
});

describe('behaviour blocks an address', () => {
  it('that rates or rules stopped too often, by its entry in the block list', async () => {
    await statuses(3 + 20, '192.0.2.30', '/slow');
    const entry = await blocked('192.0.2.30');
    assert.equal(entry.origin, 'behaviour');
    await until('it is refused', async () => (await ask('192.0.2.30', '/')).status === 403);
  });

  it('twice as long where it was before, though by a process before', async () => {
    await statuses(3 + 20, '198.51.100.80', '/slow');
    const { expiresAt } = await blocked('198.51.100.80');
    const seconds = (Date.parse(expiresAt) - Date.now()) / 1_000;
    assert.ok(seconds > 6_000 && seconds <= 7_200, String(seconds));
  });

  it('that gets too many errors, its /64 where it has IPv6', async () => {
    await statuses(48, '2001:db8:9:9::1', '/missing');
    assert.match((await blocked('2001:db8:9:9::/64')).reason, /errors|4xx/);
  });

  it('that asks too often', async () => {
    await statuses(240, '192.0.2.40', '/');
    assert.match((await blocked('192.0.2.40')).reason, /requests in/);
  });

  it('but never one of edge.allow', async () => {
    await statuses(60, '203.0.113.7', '/missing');
    await statuses(48, '192.0.2.41', '/missing');
    await blocked('192.0.2.41');
    assert.equal(await blockOf('203.0.113.7'), undefined);
  });
});

describe('failed logins', () => {
  it('of one address make its logins need a pass; nobody else’s', async () => {
    let user = 0;
    await until('a challenge', async () =>
      isChallenge(await login('192.0.2.50', '/login', `somebody-${++user}`, 'wrong')),
    );
    assert.equal((await login('192.0.2.51', '/login', 'anna', 'right')).status, 200);
    assert.equal((await ask('192.0.2.50', '/')).status, 200);
  });

  it('for one user, from many addresses, make logins for that user need one', async () => {
    let from = 0;
    await until('a challenge', async () =>
      isChallenge(await login(`198.51.100.${++from % 70}`, '/login', 'Berta', 'wrong')),
    );
    assert.ok(isChallenge(await login('192.0.2.61', '/login', 'berta', 'right')));
    assert.equal((await login('192.0.2.61', '/login', 'carla', 'right')).status, 200);
  });

  it('block the address where the login says so', async () => {
    let user = 0;
    await until('it is refused', async () => {
      const { status } = await login('192.0.2.70', '/api/login', `u${++user}`, 'wrong');
      return status === 429 || status === 403;
    });
    // A worker that heard of it later may say so first.
    assert.match((await blocked('192.0.2.70')).reason, /failed logins|rules or rates/);
  });
});

it('a route that gets many times what an earlier process had learned is challenged', async () => {
  let from = 0;
  await until('a challenge', async () =>
    isChallenge(await ask(`192.0.2.${100 + (++from % 100)}`, '/busy')),
  );
  assert.equal((await ask('192.0.2.99', '/')).status, 200);
});

it('status and metrics say what was limited and blocked', async () => {
  const { body } = await edge.call('GET', '/api/v1/status');
  const parts = body['parts'] as { behaviour: Record<string, Record<string, unknown>> };
  const { rates, behaviour } = parts.behaviour;
  assert.equal(rates?.['count'], 4);
  assert.ok(Number(rates?.['limited']) > 10);
  assert.ok(Number(rates?.['monitored']) > 0);
  assert.ok(Number(rates?.['buckets']) > 0);
  assert.ok(Number(behaviour?.['blocked']) >= 5);
  assert.equal(behaviour?.['routesLearned'], 1);
  assert.equal(JSON.stringify(behaviour?.['surges']).includes('* /busy'), true);
  const { text } = (await edge.call('GET', '/metrics')).body as { text: string };
  for (const line of [
    /^weir_rates_exceeded_total\{rate="rate\/slow",result="limited"\} \d+$/m,
    /^weir_rates_penalties_total\{rate="rate\/slow"\} \d+$/m,
    /^weir_behaviour_blocks_total\{why="errors",result="blocked"\} \d+$/m,
    /^weir_behaviour_logins_total\{result="failed"\} \d+$/m,
    /^weir_behaviour_surges_total 1$/m,
  ])
    assert.match(text, line);
});
