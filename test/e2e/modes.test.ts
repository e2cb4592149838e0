/**
 * Modes with the shipped command and the rules that ship: by route, entry, rule, tag and threshold, changed by a reload
 * that compiles nothing; what is unknown in status and check; and a real browser that is challenged and let through.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildRules } from '../../scripts/build-rules.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { wants } from '../support/needs.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const attack = `q=${encodeURIComponent("1' UNION SELECT password FROM users-- -")}`;
const script = `q=${encodeURIComponent('<script>alert(1)</script>')}`;
const folder = mkdtempSync(join(tmpdir(), 'weir-modes-'));
let origin: RawOrigin;
let edge: EdgeProcess;

/** `more` is what `waf` says beside its rules. */
const config = (more = ''): string => `
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { upstream: app, waf: { rules: [core] } }
  - { match: { path: /watched }, upstream: app, waf: { mode: monitor, rules: [core] } }
  - { match: { path: /lenient }, upstream: app, waf: { rules: [core], inboundThreshold: 10000 } }
  - { match: { path: /no-sqli }, upstream: app, waf: { rules: [core], modes: [{ tags: [attack-sqli], mode: monitor }] } }
  - { match: { path: /off-sqli }, upstream: app, waf: { rules: [core], modes: [{ entry: core, tags: [attack-sqli], mode: "off" }] } }
  - { match: { path: /door }, upstream: app, waf: { mode: challenge, rules: [core] } }
waf:
  challenge: { difficultyBits: 12 }
  rules: { core: { module: "builtin:core" } }
${more}
kernel: { xdp: off }
`;

before(async () => {
  await buildRules({ log: () => {} });
  origin = await RawOrigin.answering(plainAnswer);
  edge = await startEdgeProcess(config());
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const statusOf = async (path: string, query = attack): Promise<number> =>
  (await fetch(`http://127.0.0.1:${edge.ports[0]}${path}?${query}`)).status;

test('a mode holds by route, tag and threshold, and what watches is in the access line', async () => {
  assert.equal(await statusOf('/'), 403);
  assert.equal(await statusOf('/watched'), 200);
  assert.equal(await statusOf('/lenient'), 200);
  assert.equal(await statusOf('/no-sqli'), 200);
  assert.equal(await statusOf('/off-sqli'), 200);
  assert.equal(await statusOf('/no-sqli', script), 403);
  assert.equal(await statusOf('/off-sqli', script), 403);
  assert.equal(await statusOf('/door'), 403);
  await until('eight access lines', () => edge.accessLines().length >= 8);
  const lines = edge.accessLines();
  const watched = lines[3]?.['monitored'] as readonly string[];
  assert.ok(watched.length > 0 && watched.every((rule) => rule.startsWith('core/')));
  assert.equal(lines[3]?.['verdict'], undefined, 'they have given no points');
  assert.equal(lines[4]?.['monitored'], undefined, 'what is off is not run');
  assert.match(String(lines[7]?.['reason']), /challenged without a page: it is a script that asks/);
});

test('a reload changes modes with the module as it was, and names in status what no rule has', async () => {
  const sha256 = async (): Promise<unknown> => {
    const { body } = await edge.call('GET', '/api/v1/modules');
    return (body['modules'] as { sha256: string; loadedAt: string }[]).map((one) => [
      one.sha256,
      one.loadedAt,
    ]);
  };
  const modules = await sha256();
  const file = join(edge.folder, 'edge.yaml');
  const text = readFileSync(file, 'utf8');
  const saying = (more: string): string => text.replace('\nkernel:', `${more}\nkernel:`);
  const reload = async (): Promise<void> => {
    const { status, body } = await edge.call('POST', '/api/v1/reload', {});
    assert.equal(status, 200, JSON.stringify(body));
  };
  writeFileSync(file, saying('  modes: [{ tags: [attack-sqli, attack-sqil], mode: monitor }]'));
  await reload();
  assert.equal(await statusOf('/'), 200);
  assert.equal(await statusOf('/', script), 403);
  assert.deepEqual(await sha256(), modules);
  await until('it is in status', async () => {
    const { body } = await edge.call('GET', '/api/v1/status');
    return JSON.stringify(body['degraded']).includes('waf.modes[0]: tag attack-sqil');
  });
  const wrong = await runCliProcess(['check', '--config', file], { cwd: edge.folder });
  assert.equal(wrong.exit, 1, wrong.stdout);
  assert.match(wrong.stdout, /waf\.modes\[0\] {2}no rule set that it is about has tag attack-sqil/);

  writeFileSync(file, text);
  await reload();
  assert.equal(await statusOf('/'), 403);
  const right = await runCliProcess(['check', '--config', file], { cwd: edge.folder });
  assert.equal(right.exit, 0, right.stdout);
  await until('status is in order', async () => {
    const { body } = await edge.call('GET', '/api/v1/status');
    return !JSON.stringify(body['degraded']).includes('modes of rules');
  });
});

test('a real browser solves its challenge and gets the page', {
  skip: wants('chromium'),
}, async () => {
  const url = `http://127.0.0.1:${edge.ports[0]}/door?${attack}`;
  const flags =
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --remote-debugging-port=0';
  const browser = spawn(
    'chromium',
    [...flags.split(' '), `--user-data-dir=${join(folder, 'profile')}`, url],
    { detached: true, stdio: 'ignore' },
  );
  try {
    await until('the origin is asked by the browser', () =>
      /GET \/door\?[^\r]*\r\n(?:[^\r]+\r\n)*user-agent: [^\r]*Chrome/i.test(origin.received),
    );
  } finally {
    if (browser.pid !== undefined) spawnSync('kill', ['-KILL', '--', `-${browser.pid}`]);
  }
  assert.doesNotMatch(origin.received, /weir_pass/);
  await until('it has solved one', () =>
    edge.accessLines().some((line) => line['reason'] === 'challenge solved'),
  );
});
