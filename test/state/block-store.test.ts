import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { BlockRow } from '../../src/state/block-store.ts';
import { stateFile } from '../../src/state/state-database.ts';
import { openBlockStore } from '../support/state-stores.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-blocks-'));
after(() => rmSync(root, { recursive: true }));
const directory = (): string => mkdtempSync(join(root, 'd-'));

function row(target: string, change: Partial<BlockRow> = {}): BlockRow {
  return {
    target,
    reason: 'scan',
    origin: 'operator',
    createdAtMs: 1_000,
    expiresAtMs: null,
    action: 'drop',
    ...change,
  };
}

test('what was put is there after the store is opened anew, oldest first', () => {
  const at = directory();
  const first = openBlockStore(at);
  first.put(row('2001:db8::/32', { createdAtMs: 2_000, expiresAtMs: 1_790_000_000_000 }));
  first.put(row('192.0.2.1'));
  first.close();
  using second = openBlockStore(at);
  assert.deepEqual(second.list(), [
    row('192.0.2.1'),
    row('2001:db8::/32', { createdAtMs: 2_000, expiresAtMs: 1_790_000_000_000 }),
  ]);
  assert.equal(second.count, 2);
});

test('a process that is killed loses nothing it was told is stored', () => {
  const at = directory();
  const script = `
    const { openBlockStore } = await import(${JSON.stringify(new URL('../support/state-stores.ts', import.meta.url).href)});
    const store = openBlockStore(${JSON.stringify(at)});
    store.put(${JSON.stringify(row('192.0.2.7'))});
    process.kill(process.pid, 'SIGKILL');
  `;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(ran.signal, 'SIGKILL', String(ran.stderr));
  using store = openBlockStore(at);
  assert.deepEqual(store.list(), [row('192.0.2.7')]);
});

test('a second put replaces the row', () => {
  using store = openBlockStore(directory());
  store.put(row('192.0.2.1'));
  store.put(row('192.0.2.1', { reason: 'again', expiresAtMs: 5 }));
  assert.deepEqual(store.list(), [row('192.0.2.1', { reason: 'again', expiresAtMs: 5 })]);
  assert.equal(store.count, 1);
});

test('a file of the version before keeps its blocks, which drop', () => {
  const at = directory();
  openBlockStore(at).close();
  const database = new DatabaseSync(join(at, stateFile));
  database.exec(`DROP INDEX block_age; ALTER TABLE block DROP COLUMN action;
    INSERT INTO block VALUES ('192.0.2.1', 'scan', 'operator', 1000, NULL);
    PRAGMA user_version = 2`);
  database.close();
  using store = openBlockStore(at);
  assert.deepEqual(store.list(), [row('192.0.2.1')]);
  store.put(row('192.0.2.2', { action: 'monitor' }));
  assert.deepEqual(store.find('192.0.2.2'), row('192.0.2.2', { action: 'monitor' }));
});

test('pages are the list in pieces, also where entries are of one moment', () => {
  using store = openBlockStore(directory());
  for (const [index, createdAtMs] of [2, 1, 1, 1, 3].entries())
    store.put(row(`10.0.0.${index}`, { createdAtMs }));
  const pages: string[][] = [];
  for (let page = store.page(null, 2); page.length > 0; page = store.page(page.at(-1) ?? null, 2))
    pages.push(page.map(({ target }) => target));
  assert.deepEqual(pages, [['10.0.0.1', '10.0.0.2'], ['10.0.0.3', '10.0.0.0'], ['10.0.0.4']]);
});

test('removing answers whether it was listed', () => {
  using store = openBlockStore(directory());
  store.put(row('192.0.2.1'));
  assert.equal(store.remove('192.0.2.1'), true);
  assert.equal(store.remove('192.0.2.1'), false);
  assert.equal(store.count, 0);
});

test('expiry takes out what is due at that moment and keeps what has no end', () => {
  using store = openBlockStore(directory());
  for (const [target, expiresAtMs] of [
    ['10.0.0.1', 99],
    ['10.0.0.2', 100],
    ['10.0.0.3', 101],
    ['10.0.0.4', null],
  ] as const) {
    store.put(row(target, { expiresAtMs }));
  }
  assert.deepEqual(store.expire(100).toSorted(), ['10.0.0.1', '10.0.0.2']);
  assert.deepEqual(store.expire(100), []);
  assert.deepEqual(
    store.list().map(({ target }) => target),
    ['10.0.0.3', '10.0.0.4'],
  );
  assert.equal(store.count, 2);
});

test('at its bound it takes no new target, but a new row for one it has', () => {
  using store = openBlockStore(directory(), 2);
  store.put(row('10.0.0.1'));
  store.put(row('10.0.0.2'));
  assert.throws(() => store.put(row('10.0.0.3')), { code: 'BLOCK_LIST_FULL' });
  store.put(row('10.0.0.1', { reason: 'still' }));
  store.remove('10.0.0.2');
  store.put(row('10.0.0.3'));
  assert.deepEqual(
    store.list().map(({ target }) => target),
    ['10.0.0.1', '10.0.0.3'],
  );
});

test('the bound holds after it is opened anew', () => {
  const at = directory();
  const first = openBlockStore(at, 1);
  first.put(row('10.0.0.1'));
  first.close();
  using second = openBlockStore(at, 1);
  assert.throws(() => second.put(row('10.0.0.2')), { code: 'BLOCK_LIST_FULL' });
});

test('its files are for their owner alone', () => {
  const at = directory();
  using store = openBlockStore(at);
  store.put(row('10.0.0.1'));
  for (const name of [stateFile, `${stateFile}-wal`]) {
    assert.equal(statSync(join(at, name)).mode & 0o777, 0o600, name);
  }
});

test('a second store on the same directory is refused while the first is open', () => {
  const at = directory();
  const first = openBlockStore(at);
  const script = `
    const { openBlockStore } = await import(${JSON.stringify(new URL('../support/state-stores.ts', import.meta.url).href)});
    try { openBlockStore(${JSON.stringify(at)}); console.log('opened'); } catch (error) { console.log(error.code, error.message); }
  `;
  const other = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.match(other.stdout, /^STATE_UNUSABLE .*state\.db is in use by another process/);
  first.close();
  openBlockStore(at).close();
});

const unusable: readonly {
  readonly why: string;
  readonly make: (file: string) => void;
  readonly says: RegExp;
}[] = [
  {
    why: 'a file that is no database',
    make: (file) => writeFileSync(file, 'x'.repeat(8_192)),
    says: /state\.db is damaged; restore it from a copy, or move it away/,
  },
  { why: 'a database whose pages are torn', make: tear, says: /state\.db is damaged/ },
  {
    why: 'a database of a newer Weir',
    make: newer,
    says: /written by a newer Weir \(schema 99, this one knows 3\)/,
  },
  {
    why: "another program's database",
    make: foreign,
    says: /another program's database; set "state"/,
  },
];

for (const { why, make, says } of unusable) {
  test(`${why} is refused and left as it is`, () => {
    const at = directory();
    const file = join(at, stateFile);
    make(file);
    const before = readFileSync(file);
    assert.throws(
      () => openBlockStore(at),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'STATE_UNUSABLE');
        assert.match(error.message, says);
        return true;
      },
    );
    assert.deepEqual(readFileSync(file), before);
  });
}

function tear(file: string): void {
  const store = openBlockStore(join(file, '..'));
  for (let at = 0; at < 500; at++) store.put(row(`10.0.${at >> 8}.${at & 255}`));
  store.close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 8_192, 12_288);
  writeFileSync(file, bytes);
}

function newer(file: string): void {
  openBlockStore(join(file, '..')).close();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = DELETE; PRAGMA user_version = 99');
  database.close();
}

function foreign(file: string): void {
  const database = new DatabaseSync(file);
  database.exec('CREATE TABLE other (a)');
  database.close();
}
