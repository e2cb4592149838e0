/** One feed over its life: what it takes, what it refuses, and when its entries end. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FeedSettings } from '#config/feed-schema.ts';
import { Feed } from '#feeds/feed.ts';
import { FeedCounts } from '#feeds/feed-metrics.ts';
import { ListGuard } from '#feeds/list-guard.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { HeldLists } from '../support/held-lists.ts';
import { type ListServer, startListServer } from '../support/list-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-feed-'));
const file = join(folder, 'list.txt');
const ca = join(folder, 'ca.pem');
let server: ListServer;
before(async () => {
  server = await startListServer();
  writeFileSync(ca, server.certificate);
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const defaults: FeedSettings = {
  ...{
    format: 'netset',
    countries: [],
    networks: [],
    of: 'listed',
    onBadLine: 'refuse',
    action: 'drop',
    allowPrivate: false,
  },
  ...{ allowInternal: false, ttlSeconds: 3_600, bytesMax: 1_000, entriesMax: 10 },
};

class Scene implements Disposable {
  readonly lists = new HeldLists();
  readonly feed: Feed;
  nowMs = 1_000_000;

  constructor(settings: Partial<FeedSettings>) {
    this.feed = new Feed({
      name: 'one',
      settings: { ...defaults, ...settings },
      guard: new ListGuard([], false),
      lists: this.lists,
      facts: null,
      counts: new FeedCounts(new MetricRegistry()),
      log: createLog('fatal', 'test'),
      nowMs: () => this.nowMs,
    });
  }

  [Symbol.dispose](): void {
    this.feed.close();
  }
}

const web = (path: string, more: Partial<FeedSettings> = {}): Partial<FeedSettings> => ({
  ...{ url: `${server.url}${path}`, ca, allowInternal: true },
  ...more,
});

describe('a feed', () => {
  it('is sent again only where it has changed, and its life begins anew either way', async () => {
    server.lists.set('/a', '45.83.64.1\n');
    using scene = new Scene(web('/a'));
    assert.equal((await scene.feed.refresh()).entries, 1);
    scene.nowMs += 3_000_000;
    await scene.feed.refresh();
    assert.equal(server.answers.at(-1)?.status, 304);
    scene.nowMs += 3_000_000;
    assert.equal((await scene.feed.refresh()).entries, 1);
  });

  it('keeps its entries while it cannot be had, until ttlSeconds are over', async () => {
    server.lists.set('/b', '45.83.64.1\n');
    using scene = new Scene(web('/b'));
    await scene.feed.refresh();
    server.lists.delete('/b');
    scene.nowMs += 3_599_000;
    const away = await scene.feed.refresh();
    assert.match(away.problem ?? '', /answered with 404/);
    assert.equal(away.entries, 1);
    assert.match(scene.lists.degraded.get('feed one') ?? '', /404/);
    scene.nowMs += 1_000;
    assert.equal((await scene.feed.refresh()).entries, 0);
    assert.equal(scene.lists.blocks.count, 0);
  });

  it('says that it is too old', async () => {
    server.lists.set('/c', '45.83.64.1\n');
    using scene = new Scene(web('/c', { ageSecondsMax: 60 }));
    await scene.feed.refresh();
    server.lists.delete('/c');
    scene.nowMs += 61_000;
    assert.equal((await scene.feed.refresh()).isTooOld, true);
    assert.match(scene.lists.degraded.get('feed one') ?? '', /older than 60 s/);
  });

  const refused: readonly (readonly [
    why: string,
    list: string,
    settings: (path: string) => Partial<FeedSettings>,
    reason: RegExp,
  ])[] = [
    ['a bad line', '45.83.64.1\nx\n', web, /^line 2: /],
    [
      'too many entries',
      '45.83.64.1\n45.83.64.2\n',
      (path) => web(path, { entriesMax: 1 }),
      /more than 1 entries/,
    ],
    ['too many bytes', '#'.repeat(1_001), web, /longer than 1000 bytes/],
    [
      'another checksum',
      '45.83.64.1\n',
      (path) => web(path, { sha256: '0'.repeat(64) }),
      /checksum/,
    ],
    ['nothing at all', '', web, /empty/],
    ['bytes that are no text', '\u0000', (path) => web(path), /line 1/],
    [
      'an internal address',
      '45.83.64.1\n',
      (path) => web(path, { allowInternal: false }),
      /not a public address/,
    ],
    [
      'an internal name',
      '45.83.64.1\n',
      (path) => ({
        ...web(path, { allowInternal: false }),
        url: `${server.url.replace('127.0.0.1', 'localhost')}${path}`,
      }),
      /not public/,
    ],
    ['a redirect to itself', '=> /refused', web, /redirects/],
    ['a redirect to another scheme', '=> ftp://127.0.0.1/', web, /no https address/],
  ];
  for (const [why, list, settings, reason] of refused)
    it(`is refused for ${why}, and what it said before stays`, async () => {
      server.lists.set('/refused', list);
      using scene = new Scene(settings('/refused'));
      await scene.lists.replace(
        'feed:one',
        new Map([['45.83.70.1', { action: 'drop', reason: '', atMs: 1, expiresAtMs: null }]]),
        { loadedAtMs: scene.nowMs, etag: null, lastModified: null, contentSha256: null, terms: '' },
      );
      assert.match((await scene.feed.refresh()).problem ?? '', reason);
      assert.ok(scene.lists.blocks.find('45.83.70.1') !== null);
    });

  it('with the checksum that was asked for is taken', async () => {
    const list = '45.83.64.1\n';
    server.lists.set('/sum', list);
    const sha256 = createHash('sha256').update(list).digest('hex');
    using scene = new Scene(web('/sum', { sha256 }));
    assert.equal((await scene.feed.refresh()).problem, null);
  });

  it('in a file is read when it has changed, and may be emptied', async () => {
    writeFileSync(file, '45.83.64.1\n45.83.64.2\n');
    using scene = new Scene({ file });
    assert.equal((await scene.feed.refresh()).entries, 2);
    writeFileSync(file, '45.83.64.2\n');
    utimesSync(file, 1, 1);
    assert.equal((await scene.feed.refresh()).entries, 1);
    writeFileSync(file, '');
    assert.equal((await scene.feed.refresh()).entries, 0);
    assert.equal(scene.lists.degraded.size, 0);
    rmSync(file);
    assert.match((await scene.feed.refresh()).problem ?? '', /ENOENT/);
  });
});
