/**
 * A false positive from its block to its end: a request is blocked, its event says why, an exclusion is made from the
 * event and is live, the same request passes, its neighbours are still blocked; and it is listed, survives the end of
 * the node, and is taken back.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EcsEvent } from '#events/ecs-event.ts';
import { readExclusionFile, writeExclusionFile } from '#state/exclusion-file.ts';
import { startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/until.ts';
import { runWeir } from '../support/weir-command.ts';

/** Two that find, and one that adds up and blocks, as the Core Rule Set does it. */
const rules = `SecRuleEngine On
SecAction "id:1000,phase:1,pass,nolog,t:none,setvar:tx.critical=5"
SecRule ARGS "@rx (?i)union\\s+select" "id:1001,phase:2,pass,log,t:none,msg:'SQL injection',tag:'attack-sqli',severity:CRITICAL,setvar:'tx.score=+5'"
SecRule ARGS|REQUEST_HEADERS:User-Agent "@rx (?i)sqlmap" "id:1002,phase:2,pass,log,t:none,msg:'Scanner',tag:'attack-scanner',severity:CRITICAL,setvar:'tx.score=+%{tx.critical}'"
SecRule TX:score "@ge 5" "id:1999,phase:2,deny,status:403,t:none,msg:'Score %{tx.score}',severity:CRITICAL"
`;
const comment = 'the Union select committee met, and spoke of sqlmap';

describe('a false positive', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-false-positive-'));
  const open = new AsyncDisposableStack();
  const state = join(folder, 'state');
  let config = '';
  let edge: EdgeProcess;
  let event = '';

  before(async () => {
    const origin = open.use(await startEchoOrigin([]));
    writeFileSync(join(folder, 'rules.conf'), rules);
    config = `
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { upstream: app, waf: { rules: [site] } }
  - { match: { path: /admin }, upstream: app, waf: { rules: [deny] } }
waf:
  canaryMs: 0
  rules:
    site: { seclang: ["${folder}/rules.conf"] }
    deny: { module: builtin:path-traversal }
kernel: { xdp: off }
`;
    edge = await startEdgeProcess(config, state);
  });

  after(async () => {
    // Else an edge that did not start keeps its origin, and with it this process.
    await (edge as EdgeProcess | undefined)?.[Symbol.asyncDispose]();
    await open.disposeAsync();
    rmSync(folder, { recursive: true, force: true });
  });

  const post = async (path: string, fields: Record<string, string>): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${edge.ports[0]}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    await response.arrayBuffer();
    return response.status;
  };
  const weir = async (...argv: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await runWeir(edge.state, argv);
    assert.equal(exit, 0, stderr);
    return stdout;
  };
  const first = async (): Promise<EcsEvent> => {
    const [line = ''] = (await weir('events', 'tail', '--json', '--kind', 'blocked')).split('\n');
    return JSON.parse(line) as EcsEvent;
  };

  it('is blocked, and its event says by which rules and how to mend it', async () => {
    await weir('record', 'start', '--minutes', '60');
    assert.equal(await post('/post', { comment }), 403);
    assert.equal(await post('/post', { title: comment }), 403);
    assert.equal(await post('/post', { comment: 'a chair' }), 200);
    await weir('record', 'stop');
    const ecs = await first();
    event = ecs.event.id;
    assert.equal(ecs.rule?.id, 'site/1999');
    assert.equal(ecs.weir.score, 10);
    assert.match(await weir('events', 'tail'), /site\/1001 {2}SQL injection \(ARGS:comment\)/);
    const page = await weir('events', 'show', event);
    for (const part of [
      /why +SQL injection; score 10\n/,
      /score +10\n/,
      /site\/1001 +5 +ARGS:comment/,
      /site\/1002 +5 +ARGS:comment/,
      /weir exclude/,
    ])
      assert.match(page, part);
  });

  /** How many of the recorded requests would pass that were blocked, and the other way round. */
  async function tried(...exclude: string[]): Promise<[passed: number, blocked: number]> {
    const { exclusions } = JSON.parse(await weir('exclude', ...exclude, '--json')) as {
      exclusions: readonly { readonly ruleSet: string }[];
    };
    const entries = exclusions.map(({ ruleSet: _, ...exclusion }) => exclusion);
    const file = join(folder, 'next.yaml');
    writeFileSync(
      file,
      config
        .replace(/(site: \{ seclang: .*\]) \}/, `$1, exclusions: ${JSON.stringify(entries)} }`)
        .replace('127.0.0.1:0', `127.0.0.1:${edge.ports[0]}`),
    );
    const { difference } = JSON.parse(await weir('replay', 'last', '--config', file, '--json')) as {
      difference: { readonly newlyPassed: number; readonly newlyBlocked: number };
    };
    return [difference.newlyPassed, difference.newlyBlocked];
  }

  it('is tried on the recorded traffic: it passes, and nothing else does', async () => {
    assert.deepEqual(await tried(event), [1, 0]);
  });

  it('is mended by the narrowest exclusion, tried first and live at once', async () => {
    const proposed = await weir('exclude', event);
    for (const part of [
      /rules site\/1001, site\/1002 no longer look at ARGS:comment on \/post\n/,
      /tried on the recorded request: it passes site now/,
      /nothing was changed/,
    ])
      assert.match(proposed, part);
    assert.equal(await post('/post', { comment }), 403);
    const live = await weir(
      'exclude',
      event,
      '--reason',
      'people quote news',
      '--owner',
      'ann',
      '--yes',
    );
    assert.match(live, /^x1 .*live in 1 worker, generation \d+, until it is removed/s);
    assert.equal(await post('/post', { comment }), 200);
  });

  it('leaves its neighbours blocked', async () => {
    for (const [path, fields] of [
      ['/post', { title: comment }],
      ['/post/2', { comment }],
      ['/other', { comment }],
    ] as const)
      assert.equal(await post(path, fields), 403, `${path} ${Object.keys(fields)}`);
  });

  it('is listed, and stays mended when the node is started again', async () => {
    assert.match(await weir('exclude', 'list'), /x1 +rules site\/1001.* ann .* people quote news/);
    await edge[Symbol.asyncDispose]();
    edge = await startEdgeProcess(config, state);
    assert.equal(await post('/post', { comment }), 200);
    assert.equal(await post('/post', { title: comment }), 403);
  });

  it('is blocked again when the exclusion is taken back, or its time is over', async () => {
    assert.match(await weir('exclude', 'remove', 'x1'), /exclusion x1 is removed/);
    assert.equal(await post('/post', { comment }), 403);
    await weir('exclude', event, '--expires', '1h', '--yes');
    assert.equal(await post('/post', { comment }), 200);
    const file = readExclusionFile(state);
    await writeExclusionFile(state, {
      ...file,
      exclusions: file.exclusions.map((one) => ({ ...one, expiresAtMs: 1 })),
    });
    await until('it is blocked again', async () => (await post('/post', { comment })) === 403);
    assert.match(await weir('exclude', 'list'), /no exclusions/);
    const { exit, stderr } = await runWeir(edge.state, ['exclude', 'remove', 'x1']);
    assert.equal(exit, 1);
    assert.match(stderr, /there is no exclusion x1/);
  });

  it('of one host is mended there, and the other host has its rules as before', async () => {
    const say = async (host: string, fields: Record<string, string>): Promise<number> => {
      const body = new URLSearchParams(fields).toString();
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      const base = `http://127.0.0.1:${edge.ports[0]}`;
      return (await call(base, 'POST', '/post', { headers: { host, ...type }, body })).status;
    };
    const [news, shop] = ['news.example', 'shop.example'];
    await weir('record', 'start', '--minutes', '60');
    assert.equal(await say(shop, { comment }), 403);
    assert.equal(await say(news, { comment }), 403);
    await weir('record', 'stop');
    let id = '';
    await until('the event is there', async () => {
      const lines = (await weir('events', 'tail', '--json', '--kind', 'blocked'))
        .trim()
        .split('\n');
      const { event: newest, url } = JSON.parse(lines.at(-1) ?? '') as EcsEvent;
      id = newest.id;
      return url?.domain === news;
    });
    assert.match(
      await weir('exclude', id, '--host'),
      /no longer look at ARGS:comment on \/post of news\.example\n.*it passes site now/s,
    );
    assert.deepEqual(await tried(id), [2, 0], 'without --host it would be on both');
    assert.deepEqual(await tried(id, '--host'), [1, 0]);
    const live = await weir('exclude', id, '--host', '--yes');
    const [, exclusion = ''] = /^(x\d+) .*live in 1 worker/s.exec(live) ?? [];
    assert.equal(await say(news, { comment }), 200);
    assert.equal(await say('NEWS.example:8080', { comment }), 200);
    assert.equal(await say(shop, { comment }), 403);
    assert.equal(await say(news, { title: comment }), 403);
    assert.equal(await say(news, { comment: 'fine', q: '1 union select 2' }), 403);
    assert.match(await weir('exclude', 'list'), /ARGS:comment on \/post of news\.example/);
    await weir('exclude', 'remove', exclusion);
    assert.equal(await say(news, { comment }), 403);
  });

  it('of a module is mended by its mode, and says so', async () => {
    const response = await fetch(`http://127.0.0.1:${edge.ports[0]}/admin?file=../../etc/passwd`);
    assert.equal(response.status, 403);
    const { exit, stderr } = await runWeir(edge.state, ['exclude', 'last']);
    assert.equal(exit, 1);
    assert.match(
      stderr,
      /a rule of a module.*modes: \[\{ rules: \[path-traversal\/\S+\], mode: monitor \}\]/s,
    );
  });
});
