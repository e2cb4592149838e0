/** Lists that a node follows, with the shipped command: from a server and a file to who gets in. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';
import { startListServer } from '../support/list-server.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-feeds-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const table = join(folder, 'table.csv');
const watched = join(folder, 'watched.txt');
const land = join(folder, 'land.mmdb');

const config = (origin: string, lists: string): string => `
edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  trustedProxies: [127.0.0.0/8]
  allow: [45.83.64.7]
upstreams: { app: { servers: [{ url: "${origin}" }] } }
routes: [{ upstream: app }]
feeds:
  web: { url: "${lists}/moved", ca: ${join(folder, 'ca.pem')}, allowInternal: true }
  table: { file: ${table}, format: csv, column: ip, action: challenge }
  watched: { file: ${watched}, action: monitor, onBadLine: skip }
  land: { file: ${land}, format: mmdb, countries: [FR] }
`;

type Feed = {
  readonly name: string;
  readonly entries: number;
  readonly problem: string | null;
  readonly leftOut: Record<string, number>;
  readonly skippedLines: number;
};

/** What a client with this address gets. */
const askAs = async (edge: EdgeProcess, address: string, accept = 'text/html'): Promise<number> =>
  (
    await call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/', {
      headers: { host: 'a.test', accept, 'x-forwarded-for': address },
    })
  ).status;

const feedOf = async (edge: EdgeProcess, name: string): Promise<Feed> =>
  (await edge.call('GET', `/api/v1/feeds/${name}`)).body as unknown as Feed;

const refresh = async (edge: EdgeProcess, name: string): Promise<Feed> =>
  (await edge.call('POST', `/api/v1/feeds/${name}/refresh`)).body as unknown as Feed;

const loaded = (edge: EdgeProcess) =>
  Promise.all(
    ['web', 'table', 'watched', 'land'].map((name) =>
      until(`${name} is loaded`, async () => (await feedOf(edge, name)).entries > 0),
    ),
  );

it('lists block, challenge and watch; a broken one changes nothing; they outlive a restart and not their place in the configuration', async () => {
  await using origin = await RawOrigin.answering(plainAnswer);
  await using lists = await startListServer();
  const state = join(folder, 'state');
  writeFileSync(join(folder, 'ca.pem'), lists.certificate);
  writeFileSync(table, 'id,ip\n1,45.83.66.1\n');
  const places = [
    ['45.83.68.0/24', { country: { iso_code: 'FR' } }],
    ['45.83.69.0/24', { country: { iso_code: 'DE' } }],
  ] as const;
  writeFileSync(land, gzipSync(writeMmdb(places)));
  writeFileSync(watched, 'not an address\n45.83.67.1\n');
  lists.lists.set('/moved', '=> /list');
  lists.lists.set('/list', '45.83.64.0/29\n45.83.65.1\n10.0.0.0/8\n0.0.0.0/0\n2a0b:f4c0::/32\n');
  {
    await using edge = await startEdgeProcess(config(origin.url, lists.url), state);
    await loaded(edge);

    assert.equal(await askAs(edge, '45.83.64.1'), 403);
    assert.equal(await askAs(edge, '2a0b:f4c0::1'), 403);
    assert.equal(await askAs(edge, '45.83.64.7'), 200, 'the allow list wins');
    assert.equal(await askAs(edge, '45.83.64.8'), 200);
    assert.equal(await askAs(edge, '10.0.0.1'), 200, 'private ranges are left out');
    assert.deepEqual((await feedOf(edge, 'web')).leftOut, { private: 1, protected: 0, wide: 1 });

    assert.equal(await askAs(edge, '45.83.66.1'), 403, 'who is challenged has no pass');
    const page = await call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/', {
      headers: { host: 'a.test', accept: 'text/html', 'x-forwarded-for': '45.83.66.1' },
    });
    assert.match(page.body, /data-challenge=/);
    assert.equal(await askAs(edge, '45.83.67.1'), 200, 'who is watched gets in');
    assert.equal(await askAs(edge, '45.83.68.1'), 403, 'the country is kept out');
    assert.equal(await askAs(edge, '45.83.69.1'), 200, 'another country is not');
    assert.equal((await feedOf(edge, 'watched')).skippedLines, 1);

    const { body } = await edge.call('GET', '/api/v1/blocks');
    const entries = body['entries'] as { target: string; origin: string; action: string }[];
    assert.deepEqual(
      entries.map(({ target, origin: from, action }) => [target, from, action]).sort(),
      [
        ['2a0b:f4c0::/32', 'feed:web', 'drop'],
        ['45.83.64.0/29', 'feed:web', 'drop'],
        ['45.83.65.1', 'feed:web', 'drop'],
        ['45.83.66.1', 'feed:table', 'challenge'],
        ['45.83.67.1', 'feed:watched', 'monitor'],
        ['45.83.68.0/24', 'feed:land', 'drop'],
      ],
    );

    await refresh(edge, 'web');
    assert.equal(lists.answers.at(-1)?.status, 304, 'what has not changed is not sent again');

    lists.lists.set('/list', '45.83.64.0/29\nbroken\n');
    const broken = await refresh(edge, 'web');
    assert.equal(broken.problem, 'line 2: "broken" is no address and no CIDR range');
    assert.equal(broken.entries, 3);
    assert.equal(await askAs(edge, '45.83.65.1'), 403);
    const status = await edge.call('GET', '/api/v1/status');
    assert.match(JSON.stringify(status.body['degraded']), /feed web.*line 2/);

    lists.lists.set('/list', '45.83.64.0/29\n45.83.65.2\n');
    assert.equal((await refresh(edge, 'web')).problem, null);
    assert.equal(await askAs(edge, '45.83.65.1'), 200);
    assert.equal(await askAs(edge, '45.83.65.2'), 403);
    assert.doesNotMatch(
      JSON.stringify((await edge.call('GET', '/api/v1/status')).body['degraded']),
      /feed web/,
    );

    // A target that a person blocked stays when the list lets go of it.
    await edge.call('POST', '/api/v1/blocks', { target: '45.83.65.2', ttlSeconds: 3_600 });
    lists.lists.set('/list', '45.83.64.0/29\n');
    await refresh(edge, 'web');
    assert.equal(await askAs(edge, '45.83.65.2'), 403);
    await edge.call('DELETE', '/api/v1/blocks/45.83.65.2');
    assert.equal(await askAs(edge, '45.83.65.2'), 200);

    const shown = await runCliProcess(['feed', 'list', '--state', state]);
    assert.equal(shown.exit, 0, shown.stderr);
    assert.match(shown.stdout, /web\s+drop\s+1 entry/);
    const blocks = await runCliProcess(['block', 'list', '--state', state]);
    assert.match(blocks.stdout, /45\.83\.64\.0\/29\s+drop\s+while listed/);
    assert.match(
      (await edge.call('GET', '/metrics')).body['text'] as string,
      /weir_feed_entries\{feed="web"\} 1/,
    );
  }
  // Nobody can be asked any more: what was loaded is in force from the first request on.
  await lists.close();
  rmSync(table);
  await using edge = await startEdgeProcess(config(origin.url, lists.url), state);
  assert.equal(await askAs(edge, '45.83.64.1'), 403);
  assert.equal(await askAs(edge, '45.83.66.1'), 403);
  await until('status says why', async () => (await feedOf(edge, 'web')).problem !== null);
  assert.equal(await askAs(edge, '45.83.64.1'), 403);

  const file = join(edge.folder, 'edge.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/\n {2}(?:web|table):.*/g, ''));
  const reloaded = await edge.call('POST', '/api/v1/reload');
  assert.equal(reloaded.status, 200, JSON.stringify(reloaded.body));
  assert.equal(await askAs(edge, '45.83.64.1'), 200);
  assert.equal(await askAs(edge, '45.83.66.1'), 200);
  assert.equal((await edge.call('GET', '/api/v1/feeds/web')).status, 404);
});
