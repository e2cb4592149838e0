/** CrowdSec with the shipped command, both ways: an agent's decisions enforced, and bouncers answered. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { buildRules } from '../../scripts/build-rules.ts';
import { playAgent } from '../support/crowdsec-agent.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-crowdsec-'));
before(() => buildRules({ log: () => {} }).then(() => {}));
after(() => rmSync(folder, { recursive: true, force: true }));

const agentKey = '0123456789abcdef0123456789abcdef';
const bouncerKey = 'fedcba9876543210fedcba9876543210';

const config = (origin: string, agent: string): string => `
edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  trustedProxies: [127.0.0.0/8]
upstreams: { app: { servers: [{ url: "${origin}" }] } }
routes: [{ upstream: app, waf: { mode: block, rules: [traversal] } }]
waf: { rules: { traversal: { module: "builtin:path-traversal" } } }
crowdsec:
  lapi: { url: "${agent}", keyFile: ${join(folder, 'agent.key')}, intervalSeconds: 1 }
  serve:
    address: "127.0.0.1:0"
    bouncers: { firewall: { keyFile: ${join(folder, 'bouncer.key')} } }
`;

type Status = {
  readonly lapi: { entries: number; problem: string | null; askedAt: string | null };
  readonly serve: { address: string; bouncers: { name: string; askedAt: string | null }[] };
};

const statusOf = async (edge: EdgeProcess): Promise<Status> =>
  ((await edge.call('GET', '/api/v1/status')).body['parts'] as { crowdsec: Status }).crowdsec;

const askAs = (edge: EdgeProcess, address: string) =>
  call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/', {
    headers: { host: 'a.test', accept: 'text/html', 'x-forwarded-for': address },
  });

type Decision = { readonly value: string; readonly type: string; readonly duration: string };
type Stream = { readonly new: Decision[] | null; readonly deleted: Decision[] | null };
type RecordedCall = {
  readonly method: string;
  readonly path: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly answer: { readonly status: number; readonly body: Stream };
};

/** Those of a real bouncer. */
const recorded = JSON.parse(
  readFileSync(new URL('../corpus/crowdsec/bouncer-calls.json', import.meta.url), 'utf8'),
) as readonly RecordedCall[];

const valuesOf = (decisions: Decision[] | null, type = 'ban'): string[] =>
  (decisions ?? []).filter((one) => one.type === type).map(({ value }) => value);

it('an agent decides, and status says when it cannot be asked; bouncers get decisions and checks', async (test) => {
  writeFileSync(join(folder, 'agent.key'), `${agentKey}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'bouncer.key'), `${bouncerKey}\n`, { mode: 0o600 });
  await using origin = await RawOrigin.answering(plainAnswer);
  await using agent = await playAgent(agentKey);
  await using edge = await startEdgeProcess(config(origin.url, agent.url), join(folder, 'state'));
  await until('the agent was asked', async () => (await statusOf(edge)).lapi.askedAt !== null);
  const { address } = (await statusOf(edge)).serve;
  const base = `http://${address}`;

  await test.test('what the agent decided is enforced', async () => {
    assert.match(agent.asked[0] ?? '', /startup=true&scopes=ip%2Crange/);
    assert.equal((await askAs(edge, '45.83.64.1')).status, 403);
    assert.equal((await askAs(edge, '45.83.65.9')).status, 403);
    assert.equal((await askAs(edge, '9.9.9.9')).status, 200);
    const page = await askAs(edge, '2a0b:f4c0::7');
    assert.equal(page.status, 403);
    assert.match(page.body, /data-challenge=/);
  });

  await test.test('a bouncer gets the same calls answered as by an agent', async () => {
    const ask = async ({ method, path, fields }: RecordedCall): Promise<Stream> => {
      const headers = Object.fromEntries(
        fields.map(([name, value]) => [name, value === 'KEY' ? bouncerKey : value]),
      );
      const answer = await call(base, method, path, { headers });
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
      return JSON.parse(answer.body) as Stream;
    };
    const [start, next] = recorded;
    assert.ok(start !== undefined && next !== undefined);
    const all = await ask(start);
    assert.deepEqual(valuesOf(all.new).sort(), ['45.83.64.1', '45.83.65.0/24']);
    assert.deepEqual(valuesOf(all.new, 'captcha'), ['2a0b:f4c0::7']);
    const [decision] = all.new ?? [];
    const [told] = start.answer.body.new ?? [];
    assert.deepEqual(Object.keys(decision ?? {}).sort(), Object.keys(told ?? {}).sort());
    assert.deepEqual(await ask(next), { deleted: null, new: null });

    await edge.call('POST', '/api/v1/blocks', { target: '45.83.64.9', ttlSeconds: 7_200 });
    const added = await ask(next);
    assert.deepEqual(valuesOf(added.new), ['45.83.64.9']);
    assert.match(added.new?.[0]?.duration ?? '', /^(?:2h0m0s|1h59m\d+s)$/);
    await edge.call('POST', '/api/v1/blocks', { target: '45.83.64.10', action: 'monitor' });
    await edge.call('DELETE', '/api/v1/blocks/45.83.64.9');
    const removed = await ask(next);
    assert.equal(removed.new, null, 'who is only watched is nobody else’s to keep out');
    assert.ok(valuesOf(removed.deleted).includes('45.83.64.9'));
    assert.notEqual((await statusOf(edge)).serve.bouncers[0]?.askedAt ?? null, null);

    const one = async (query: string): Promise<unknown> =>
      JSON.parse(
        (
          await call(base, 'GET', `/v1/decisions?${query}`, {
            headers: { 'x-api-key': bouncerKey },
          })
        ).body,
      );
    assert.equal(((await one('ip=45.83.65.9')) as Decision[])[0]?.value, '45.83.65.0/24');
    assert.equal(await one('ip=9.9.9.9'), null);
    assert.equal(await one('ip=45.83.65.9&contains=false'), null);
    assert.deepEqual(valuesOf((await one('type=captcha')) as Decision[], 'captcha'), [
      '2a0b:f4c0::7',
    ]);
    assert.deepEqual(await one('ip=nonsense'), { message: '"nonsense" is no address or range' });
  });

  await test.test('a request is looked at by the live rules', async () => {
    const check = (uri: string, fields: Record<string, string> = {}, body?: string) =>
      call(base, body === undefined ? 'GET' : 'POST', '/', {
        headers: {
          'X-Crowdsec-Appsec-Ip': '9.9.9.9',
          'X-Crowdsec-Appsec-Uri': uri,
          'X-Crowdsec-Appsec-Host': 'a.test',
          'X-Crowdsec-Appsec-Verb': body === undefined ? 'GET' : 'POST',
          'X-Crowdsec-Appsec-Api-Key': bouncerKey,
          'X-Crowdsec-Appsec-User-Agent': 'Mozilla/5.0',
          'User-Agent': 'Mozilla/5.0',
          ...fields,
        },
        ...(body === undefined ? {} : { body }),
      });
    const { received } = origin;
    const allowed = await check('/shop?item=1');
    assert.equal(allowed.status, 200);
    assert.deepEqual(JSON.parse(allowed.body), { action: 'allow', http_status: 200 });
    const banned = await check('/show?file=../../../../etc/passwd');
    assert.equal(banned.status, 403);
    assert.deepEqual(JSON.parse(banned.body), { action: 'ban', http_status: 403 });
    const posted = await check(
      '/form',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'a=1',
    );
    assert.equal(posted.status, 200);
    assert.equal((await check('/a b')).status, 403, 'what is no request is not let through');
    assert.equal((await check('/', { 'X-Crowdsec-Appsec-Ip': 'x' })).status, 500);
    assert.equal((await check('/', { 'X-Crowdsec-Appsec-Api-Key': agentKey })).status, 401);
    assert.equal(origin.received, received, 'nothing of it is forwarded');
  });

  await test.test('who has no key gets nothing, and is told to wait', async () => {
    const guess = async (): Promise<number> =>
      (await call(base, 'GET', '/v1/decisions', { headers: { 'x-api-key': agentKey } })).status;
    assert.equal(await guess(), 403);
    await until('a guesser is told to wait', async () => (await guess()) === 429);
    const right = await call(base, 'HEAD', '/v1/decisions/stream', {
      headers: { 'x-api-key': bouncerKey },
    });
    assert.equal(right.status, 200, 'a right key is never held up');
    assert.equal((await call(base, 'GET', '/metrics')).status, 404);
  });

  await test.test('what the agent takes back is let in, and what is new is kept out', async () => {
    agent.change();
    await until(
      'the change is in force',
      async () => (await askAs(edge, '45.83.64.1')).status === 200,
    );
    assert.equal((await askAs(edge, '45.83.65.9')).status, 403);
  });

  await test.test('an agent that is away changes nothing, and status says so', async () => {
    await agent.close();
    await until('status says so', async () => (await statusOf(edge)).lapi.problem !== null);
    const { body } = await edge.call('GET', '/api/v1/status');
    assert.match(JSON.stringify(body['degraded']), /crowdsec lapi.*holds until it ends/);
    assert.equal((await askAs(edge, '45.83.65.9')).status, 403);
  });
});
