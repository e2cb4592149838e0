/** Record, replay, gate and shadow through the shipped command, on one node. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Difference } from '#replay/difference.ts';
import { startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { Http2Client } from '../support/http2-client.ts';
import { newFolder, weir } from '../support/own-module.ts';
import { until } from '../support/until.ts';
import { largeField, statusGuest } from '../support/versioned-guest.ts';

const liveRules = `
SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403,msg:'an attack'"
`;
/** The same with an eye on answers. */
const answerRules = `${liveRules}SecResponseBodyAccess On
SecResponseBodyMimeType null
SecRule RESPONSE_BODY "@contains root:x" "id:3,phase:4,deny,status:403,msg:'a leak'"
`;
/** Lets the attack pass, and stops who looks for gardens. */
const otherRules = `
SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS "@contains garden" "id:2,phase:2,deny,status:403,msg:'a garden'"
`;
const secret = 'Xq7TzP4vN2wLk9';
const folder = newFolder();
const [rulesFile, otherFile] = [join(folder, 'live.conf'), join(folder, 'other.conf')];

type Shadows = {
  readonly shadows: readonly { readonly off: string | null; readonly difference: Difference }[];
};

describe('recorded traffic', () => {
  let edge: EdgeProcess;
  let closeOrigin: () => Promise<void>;

  before(async () => {
    const origin = await startEchoOrigin(['x-say']);
    closeOrigin = () => Promise.resolve(origin[Symbol.asyncDispose]());
    writeFileSync(rulesFile, liveRules);
    writeFileSync(otherFile, otherRules);
    edge = await startEdgeProcess(`
edge: { workers: 2, listeners: [{ address: "127.0.0.1:0", plaintext: true, http2: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app, waf: { rules: [own] } }]
waf: { rules: { own: { seclang: [${rulesFile}] } } }
kernel: { xdp: off }
`);
  });

  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await closeOrigin?.();
  });

  const send = async (target: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${edge.ports[0]}${target}`, init);
    await response.arrayBuffer();
    return response.status;
  };

  const json = async <T>(...argv: string[]): Promise<T> => {
    const said = await weir(edge, ...argv, '--json');
    assert.equal(said.code, 0, said.text);
    return JSON.parse(said.text) as T;
  };

  const shadows = async (): Promise<Shadows['shadows']> =>
    ((await edge.call('GET', '/api/v1/shadows')).body as Shadows).shadows;

  async function traffic(): Promise<void> {
    const cookie = { cookie: `anything=${secret}` };
    assert.equal(await send('/?q=garden', { headers: cookie }), 200);
    assert.equal(await send('/?q=house'), 200);
    const form = new URLSearchParams({ user: 'me', password: secret, note: 'an attack' });
    assert.equal(await send('/form', { method: 'POST', body: form }), 403);
    const fields = { ':path': '/h2', ':method': 'POST', 'content-type': 'text/plain' };
    using client = new Http2Client(`127.0.0.1:${edge.ports[0]}`, false);
    assert.equal((await client.request(fields, 'a body')).status, 200);
  }

  it('is recorded by order, without secrets, until it is told to end', async () => {
    const begun = await json<{ id: string; state: string }>('record', 'start', '--minutes', '60');
    assert.equal(begun.state, 'running');
    assert.match((await weir(edge, 'record', 'start')).text, /is under way already/);
    await traffic();
    const ended = await json<Record<string, unknown>>('record', 'stop');
    assert.deepEqual(
      { ...ended, startedAt: '', endedAt: '', bytes: 0 },
      {
        ...{ id: begun.id, state: 'whole', startedAt: '', endedAt: '', bytes: 0, requests: 4 },
        ...{ dropped: 0, sharePercent: 100, routes: [], answerBytes: 0 },
        ...{ why: 'asked for', bounds: null },
      },
    );
    const [name = '', ...others] = readdirSync(join(edge.state, 'recordings'));
    assert.deepEqual([name, others], [`${begun.id}.weirrec`, []]);
    const file = join(edge.state, 'recordings', name);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'latin1');
    assert.equal(text.includes(secret), false);
    assert.match(text, /\/\?q=garden/);
    assert.match(text, /note=an\+attack/);
    assert.match(text, /POST \/h2 HTTP\/2\.0\r\n[\s\S]*a body/);
    assert.match(text, /password=[A-Za-z]{2}\d/);
  });

  it('shows what other rules would do, in the order of how much it matters', async () => {
    const { difference } = await json<{ difference: Difference }>(
      ...['replay', 'last', '--rules', `own=${otherFile}`],
    );
    const { requests, newlyBlocked, newlyPassed, changedRules, stopped } = difference;
    assert.deepEqual(
      { requests, newlyBlocked, newlyPassed, changedRules, stopped },
      {
        ...{ requests: 4, newlyBlocked: 1, newlyPassed: 1, changedRules: 0 },
        stopped: { live: 1, candidate: 1 },
      },
    );
    const [blocked, passed] = difference.examples;
    assert.equal(blocked?.request.target, '/?q=garden');
    assert.equal(blocked?.candidate.rule, 'own/2');
    assert.equal(passed?.live.rule, 'own/1');
    assert.ok((difference.cost.candidate?.meanFuel ?? 0) > 0);

    const page = await weir(
      ...([
        edge,
        'replay',
        'last',
        '--rules',
        `own=${otherFile}`,
        '--max-new-blocks',
        '0',
      ] as const),
    );
    assert.equal(page.code, 1);
    assert.match(page.text, /newly blocked\s+1\n/);
    assert.match(
      page.text,
      /GET\s+127\.0\.0\.1:\d+\/\?q=garden\s+\* \/\s+own\/2 at ARGS:q\s+a garden/,
    );
    assert.match(page.text, /1 request newly blocked, and 0 allowed/);
    const same = await json<{ difference: Difference }>('replay', 'last');
    assert.deepEqual(same.difference.examples, []);
    assert.equal(same.difference.stopped.candidate, 1);
  });

  it('keeps what blocks too much of it from going live', async () => {
    const built = join(folder, 'other.wasm');
    const build = await weir(edge, 'rules', 'build', otherFile, '--out', built);
    assert.equal(build.code, 0, build.text);
    const gate = ['--replay', 'last', '--max-new-blocks', '0'];
    const { body: before } = await edge.call('GET', '/api/v1/modules');
    const load = await weir(edge, 'module', 'load', 'own', built, ...gate);
    assert.equal(load.code, 1);
    assert.match(load.text, /of 4 recorded requests it blocks 1 that pass now, and 0 are allowed/);
    assert.match(load.text, /GET \/\?q=garden {2}own\/2: a garden/);
    writeFileSync(rulesFile, otherRules);
    const reload = await weir(edge, 'reload', ...gate);
    assert.equal(reload.code, 1);
    assert.match(reload.text, /it blocks 1 that pass now.*nothing was changed/s);
    assert.deepEqual((await edge.call('GET', '/api/v1/modules')).body, before);
    assert.equal(await send('/?q=garden'), 200);

    const allowed = await weir(edge, 'reload', '--replay', 'last', '--max-new-blocks', '1');
    assert.equal(allowed.code, 0, allowed.text);
    assert.equal(await send('/?q=garden'), 403);
    writeFileSync(rulesFile, liveRules);
    assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
    assert.equal(await send('/?q=garden'), 200);
  });

  it('is shown to a candidate beside the live rules, which changes nothing', async () => {
    await json('shadow', 'start', 'own', otherFile);
    await traffic();
    const found = async (): Promise<Difference | undefined> => (await shadows())[0]?.difference;
    await until('the candidate has seen all', async () => (await found())?.requests === 4);
    const difference = await found();
    assert.equal(difference?.newlyBlocked, 1);
    assert.equal(difference?.newlyPassed, 1);
    const example = difference?.examples.find(({ change }) => change === 'newly-blocked');
    assert.equal(example?.request.target, '/?q=garden');
    assert.match((await weir(edge, 'status')).text, /shadow\s+own\s+4 requests\s+1 newly blocked/);
    const metrics = await fetchMetrics(edge);
    assert.match(metrics, /weir_shadow_requests_total\{module="own"\} 4/);
    assert.match(metrics, /weir_shadow_changes_total\{module="own",change="newly-blocked"\} 1/);
    const ended = await weir(edge, 'shadow', 'stop', 'own');
    assert.match(ended.text, /has ended: 4 requests, 1 newly blocked, 1 newly passed/);
  });

  it('switches off a candidate that keeps failing, and nothing else', async () => {
    const failing = join(folder, 'failing.wasm');
    writeFileSync(failing, statusGuest(403, true));
    await json('shadow', 'start', 'own', failing);
    const off = async (): Promise<string | null> => {
      assert.equal(await send('/', { headers: largeField }), 200);
      return (await shadows())[0]?.off ?? null;
    };
    await until('the candidate is off', async () => (await off()) !== null);
    const status = await weir(edge, 'status');
    assert.match(status.text, /shadow of own: the candidate is off: in quarantine/);
    assert.equal(await send('/?q=attack'), 403);
    await json('shadow', 'stop', 'own');
  });

  it('runs the candidate that the configuration names', async () => {
    const file = join(edge.folder, 'edge.yaml');
    const config = readFileSync(file, 'utf8');
    const named = config.replace(`seclang: [${rulesFile}]`, `$&, shadow: ${otherFile}`);
    writeFileSync(file, named);
    assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
    assert.equal((await shadows()).length, 1);
    writeFileSync(file, config);
    assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
    assert.equal((await shadows()).length, 0);
  });

  it('has bodies with a coding, without their secrets, and tries rules on them', async () => {
    const { id } = await json<{ id: string }>('record', 'start');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = (coding: string, body: Buffer) =>
      send('/', { method: 'POST', headers: { ...headers, 'content-encoding': coding }, body });
    const body = Buffer.from(`password=${secret}&q=garden`);
    assert.equal(await post('gzip', gzipSync(body, { level: 0 })), 200);
    assert.equal(await post('br', brotliCompressSync(body)), 200);
    assert.equal(await post('br', brotliCompressSync(Buffer.from('q=house'))), 200);
    await json('record', 'stop');
    const text = readFileSync(join(edge.state, 'recordings', `${id}.weirrec`), 'latin1');
    assert.equal(text.includes(secret), false);
    const candidate = ['--rules', `own=${otherFile}`];
    const { difference } = await json<{ difference: Difference }>('replay', 'last', ...candidate);
    const { requests, newlyBlocked, newlyPassed } = difference;
    assert.deepEqual([requests, newlyBlocked, newlyPassed], [3, 2, 0]);
    await json('record', 'remove', id);
  });

  it('has bodies of answers where it is asked to, and tries rules on them', async () => {
    const answersFile = join(folder, 'answers.conf');
    writeFileSync(answersFile, answerRules);
    const candidate = ['--rules', `own=${answersFile}`];
    const without = await weir(edge, 'replay', 'last', ...candidate);
    assert.match(
      without.text,
      /bodies of answers\s+rules on them: live 0, candidate 1; 3 not there/,
    );

    const { id } = await json<{ id: string }>('record', 'start', '--answer-bytes', '64');
    const say = (what: string) => send('/', { headers: { 'x-say': what } });
    assert.equal(await say('root:x:0:0'), 200);
    assert.equal(await say(`token=${secret}`), 200);
    assert.equal(await say(`root:x${'-'.repeat(100)}`), 200);
    assert.match((await weir(edge, 'record', 'stop')).text, /answers to 64 bytes/);
    const text = readFileSync(join(edge.state, 'recordings', `${id}.weirrec`), 'latin1');
    assert.match(text, /root:x:0:0/);
    assert.equal(text.includes(secret), false);
    const { difference } = await json<{ difference: Difference }>('replay', 'last', ...candidate);
    assert.equal(difference.newlyBlocked, 2);
    assert.deepEqual(difference.examples[0]?.candidate.rule, 'own/3');
    assert.deepEqual(difference.answers, { live: 0, candidate: 1, shown: 2, cut: 1, missing: 0 });
    await until('what was cut is counted', async () =>
      /weir_record_answers_cut_total 1/.test(await fetchMetrics(edge)),
    );

    await json('shadow', 'start', 'own', answersFile);
    const found = async (): Promise<Difference | undefined> => (await shadows())[0]?.difference;
    await until('the candidate is there', async () => (await found())?.answers.candidate === 1);
    await until('it has seen an answer', async () => {
      await say('root:x:0:0');
      return ((await found())?.newlyBlocked ?? 0) > 0;
    });
    await json('shadow', 'stop', 'own');
    await json('record', 'remove', id);
  });

  it('ends a recording at its bound, and removes it', async () => {
    const begun = await json<{ id: string }>('record', 'start', '--requests-max', '2');
    for (let i = 0; i < 4; i++) await send('/?q=house');
    await until('the recording has ended', async () => {
      const { body } = await edge.call('GET', '/api/v1/recordings');
      return (body['recordings'] as { state: string }[])[0]?.state === 'whole';
    });
    const newest = await json<{ requests: number; why: string }>('record', 'status');
    assert.deepEqual([newest.requests, newest.why], [2, 'it has 2 requests']);
    await json('record', 'remove', begun.id);
    const { recordings } = await json<{ recordings: unknown[] }>('record', 'list');
    assert.equal(recordings.length, 1);
  });
});

async function fetchMetrics(edge: EdgeProcess): Promise<string> {
  const token = readFileSync(join(edge.state, 'token'), 'utf8').trim();
  const { admin } = JSON.parse(readFileSync(join(edge.state, 'edge.json'), 'utf8')) as {
    admin: string;
  };
  const response = await fetch(`${admin}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return response.text();
}
