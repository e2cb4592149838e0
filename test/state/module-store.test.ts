/** The history of modules on disk: numbers, states, what stays ready, what is given up, what is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModuleStore, type ModuleStoreBounds } from '#state/module-store.ts';

let folder: string;
let clock = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-store-'));
  clock = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const open = (bounds: Partial<ModuleStoreBounds> = {}): ModuleStore =>
  ModuleStore.open(folder, bounds);

function entry(name: string, content: string, more: { sequence?: number } = {}) {
  const bytes = Buffer.from(content);
  return {
    name,
    sha256: sha256(bytes),
    bytes: bytes.length,
    origin: 'api' as const,
    source: 'api',
    loadedAtMs: ++clock,
    keyName: more.sequence === undefined ? null : 'build',
    sequence: more.sequence ?? null,
    signature: more.sequence === undefined ? null : 'text',
  };
}

async function load(store: ModuleStore, name: string, content: string, sequence?: number) {
  const added = entry(name, content, sequence === undefined ? {} : { sequence });
  await store.keep(added.sha256, Buffer.from(content));
  return store.addLive(added, null);
}

const setLive = (store: ModuleStore, version: number) =>
  store.setLive('own', version, {
    origin: 'rollback',
    loadedAtMs: ++clock,
    configuredSha256: null,
  });
const states = (store: ModuleStore, name = 'own'): string[] =>
  store.history(name).map(({ version, state }) => `${version} ${state}`);
const files = (): number =>
  readdirSync(join(folder, 'modules')).filter((name) => name.endsWith('.wasm')).length;
const none: ReadonlySet<string> = new Set();

describe('versions', () => {
  it('are numbered for each name, from 1, and the newest is live', async () => {
    using store = open();
    assert.equal(store.head('own'), null);
    assert.equal((await load(store, 'own', 'a')).version, 1);
    assert.equal((await load(store, 'other', 'a')).version, 1);
    assert.equal((await load(store, 'own', 'b')).version, 2);
    assert.deepEqual(states(store), ['2 live', '1 ready']);
    assert.equal(store.head('own')?.current, 2);
  });

  it('stay ready twice, and give up their bytes after that', async () => {
    using store = open();
    for (const content of ['a', 'b', 'c', 'd']) await load(store, 'own', content);
    assert.deepEqual(states(store), ['4 live', '3 ready', '2 ready', '1 retired']);
    await store.collect(none);
    assert.equal(files(), 3);
    await assert.rejects(store.readBytes(sha256(Buffer.from('a'))), /cannot be read/);
    assert.equal(String(await store.readBytes(sha256(Buffer.from('b')))), 'b');
  });

  it('go by when they were live last, not by their number', async () => {
    using store = open();
    for (const content of ['a', 'b', 'c']) await load(store, 'own', content);
    setLive(store, 1);
    await load(store, 'own', 'd');
    assert.deepEqual(states(store), ['4 live', '3 ready', '2 retired', '1 ready']);
  });

  it('share a file when they hold the same bytes, until none needs it', async () => {
    using store = open({ readyMax: 1 });
    await load(store, 'own', 'a');
    await load(store, 'other', 'a');
    await load(store, 'own', 'b');
    await load(store, 'own', 'c');
    await store.collect(none);
    assert.equal(files(), 3);
    await load(store, 'other', 'x');
    await load(store, 'other', 'y');
    await store.collect(none);
    assert.equal(files(), 4);
  });

  it('that are removed leave their number behind', async () => {
    using store = open();
    await load(store, 'own', 'a');
    await load(store, 'own', 'b');
    setLive(store, 1);
    store.remove('own', 2);
    await store.collect(none);
    assert.equal(files(), 1);
    assert.equal((await load(store, 'own', 'c')).version, 3);
  });

  it('are there after the store was closed, with head and files', async () => {
    {
      using store = open();
      await load(store, 'own', 'a', 5);
      store.addLive(entry('own', 'b'), 'f'.repeat(64));
    }
    using store = open();
    assert.deepEqual(states(store), ['2 live', '1 ready']);
    assert.deepEqual(store.head('own'), {
      current: 2,
      isOff: false,
      configuredSha256: 'f'.repeat(64),
      newestSequence: 5,
    });
    assert.equal(statSync(join(folder, 'modules')).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'modules/history.db')).mode & 0o777, 0o600);
  });
});

describe('the newest sequence', () => {
  it('outlives the version it came with and does not fall', async () => {
    using store = open({ readyMax: 1 });
    await load(store, 'own', 'a', 9);
    await load(store, 'own', 'b', 4);
    await load(store, 'own', 'c');
    store.remove('own', 1);
    assert.equal(store.head('own')?.newestSequence, 9);
    store.sign('own', 3, { keyName: 'build', sequence: 12, signature: 'x' });
    assert.equal(store.head('own')?.newestSequence, 12);
  });
});

describe('quarantine', () => {
  it('turns the current version off until another is live', async () => {
    using store = open();
    await load(store, 'own', 'a');
    store.quarantine('own', 1, 'fails');
    assert.deepEqual([states(store), store.head('own')?.isOff], [['1 quarantined'], true]);
    await load(store, 'own', 'b');
    assert.deepEqual(
      [states(store), store.head('own')?.isOff],
      [['2 live', '1 quarantined'], false],
    );
    setLive(store, 1);
    assert.deepEqual(states(store), ['2 ready', '1 live']);
  });

  it('keeps the bytes of the last one alone', async () => {
    using store = open();
    for (const content of ['a', 'b', 'c']) {
      const { version } = await load(store, 'own', content);
      store.quarantine('own', version, 'fails');
    }
    await load(store, 'own', 'd');
    assert.deepEqual(
      store.history('own').map(({ version, isKept }) => [version, isKept]),
      [
        [4, true],
        [3, true],
        [2, false],
        [1, false],
      ],
    );
  });
});

describe('what was refused', () => {
  it('is one entry while it is refused for the same reason', async () => {
    using store = open();
    await load(store, 'own', 'a');
    store.addFailed(entry('own', 'bad'), 'trap');
    store.addFailed(entry('own', 'bad'), 'trap');
    store.addFailed(entry('own', 'bad'), 'another');
    assert.deepEqual(states(store), ['3 failed', '2 failed', '1 live']);
    assert.equal(store.head('own')?.current, 1);
  });

  it('is kept up to its bound, and what is ready is not its price', async () => {
    using store = open({ failedRowsMax: 2, historyRowsMax: 4 });
    await load(store, 'own', 'a');
    await load(store, 'own', 'b');
    for (let i = 0; i < 10; i++) store.addFailed(entry('own', `bad ${i}`), 'trap');
    assert.deepEqual(states(store), ['12 failed', '11 failed', '2 live', '1 ready']);
  });
});

describe('bounds', () => {
  it('on rows: the oldest that hold nothing go', async () => {
    using store = open({ historyRowsMax: 4 });
    for (let i = 0; i < 8; i++) await load(store, 'own', `content ${i}`);
    assert.deepEqual(states(store), ['8 live', '7 ready', '6 ready', '5 retired']);
  });

  it('on bytes: what was live the longest ago is retired first, what is live never', async () => {
    using store = open({ bytesMax: 10 });
    await load(store, 'own', 'aaaa');
    await load(store, 'own', 'bbbb');
    await load(store, 'own', 'cc');
    await load(store, 'other', 'dddd');
    assert.deepEqual(
      [states(store), states(store, 'other')],
      [['3 live', '2 ready', '1 retired'], ['1 live']],
    );
    await load(store, 'other', 'eeee');
    assert.deepEqual(states(store), ['3 live', '2 retired', '1 retired']);
    await assert.rejects(load(store, 'own', 'ffffffff'), { code: 'MODULE_STORE_FULL' });
    // Bytes that are there already need no room.
    await load(store, 'own', 'eeee');
  });

  it('on names: of those that are not configured the oldest is forgotten', async () => {
    using store = open({ namesMax: 2 });
    for (const name of ['one', 'two', 'three']) await load(store, name, name);
    await store.collect(new Set(['one']));
    assert.deepEqual(
      [states(store, 'one'), states(store, 'two'), states(store, 'three')],
      [['1 live'], [], ['1 live']],
    );
    assert.equal(files(), 2);
  });
});

describe('files', () => {
  it('that are damaged are refused, and written anew when the bytes come again', async () => {
    using store = open();
    const { sha256: hash } = await load(store, 'own', 'good');
    const path = join(folder, `modules/${hash}.wasm`);
    writeFileSync(path, 'evil');
    await assert.rejects(store.readBytes(hash), /is damaged: its bytes are not those of its name/);
    await load(store, 'own', 'good');
    assert.equal(String(await store.readBytes(hash)), 'good');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('that an interrupted write left are taken away, others are not', async () => {
    using store = open();
    const { sha256: hash } = await load(store, 'own', 'good');
    writeFileSync(join(folder, `modules/${hash}.wasm.0123456789ab.tmp`), 'half');
    writeFileSync(join(folder, 'modules/notes.txt'), 'somebody');
    await store.collect(none);
    const names = readdirSync(join(folder, 'modules')).filter(
      (name) => !name.startsWith('history'),
    );
    assert.deepEqual(names.toSorted(), [`${hash}.wasm`, 'notes.txt'].toSorted());
  });
});

describe('a database that is not ours', () => {
  const path = () => join(folder, 'modules/history.db');
  const cases = [
    {
      name: 'of another program',
      make: () => new DatabaseSync(path()).exec('CREATE TABLE theirs (id INTEGER)'),
      says: /another program's database/,
    },
    {
      name: 'of a newer Weir',
      make: () => new DatabaseSync(path()).exec('PRAGMA user_version = 99'),
      says: /written by a newer Weir \(schema 99/,
    },
    {
      name: 'that is damaged',
      make: () => writeFileSync(path(), Buffer.concat([Buffer.alloc(4_096, 'x')])),
      says: /history\.db is damaged; restore it/,
    },
  ];
  for (const { name, make, says } of cases) {
    it(`${name} is refused with what to do`, () => {
      open().close();
      if (name !== 'of a newer Weir') rmSync(path());
      make();
      assert.throws(open, says);
    });
  }
});
