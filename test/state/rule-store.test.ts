import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { openDecisionStores } from '../../src/state/decision-stores.ts';
import type { StoredRule } from '../../src/state/rule-store.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-rules-'));
after(() => rmSync(root, { recursive: true }));
const directory = (): string => mkdtempSync(join(root, 'd-'));

const rule = (id: number, change: Partial<StoredRule> = {}): StoredRule => ({
  id,
  source: null,
  destination: null,
  port: null,
  protocol: null,
  action: 'drop',
  reason: '',
  createdAtMs: 1_000,
  expiresAtMs: null,
  ...change,
});

test('rules are there in their order after the store is opened anew, with version and next number', () => {
  const at = directory();
  const set = {
    version: 4,
    nextId: 9,
    rules: [
      rule(8, { source: '192.0.2.0/24', port: { first: 80, last: 90 }, protocol: 6 }),
      rule(3, { destination: '2001:db8::1', action: 'pass', reason: 'ours', expiresAtMs: 5 }),
    ],
  };
  const first = openDecisionStores(at);
  assert.deepEqual(first.rules.load(), { version: 0, nextId: 1, rules: [] });
  first.rules.save(set);
  first.close();
  const second = openDecisionStores(at);
  assert.deepEqual(second.rules.load(), set);
  second.close();
});

test('a set that cannot be written leaves the one before', () => {
  const stores = openDecisionStores(directory());
  const set = { version: 1, nextId: 2, rules: [rule(1)] };
  stores.rules.save(set);
  assert.throws(() => stores.rules.save({ ...set, version: 2, rules: [rule(2), rule(2)] }), {
    code: 'STATE_UNUSABLE',
  });
  assert.deepEqual(stores.rules.load(), set);
  stores.close();
});

test('a database from before there were rules gets them, and keeps its blocks', () => {
  const at = directory();
  const file = new DatabaseSync(join(at, 'state.db'));
  file.exec(`
    CREATE TABLE block (
      target TEXT PRIMARY KEY, reason TEXT NOT NULL, origin TEXT NOT NULL,
      created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX block_expiry ON block (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
    INSERT INTO block VALUES ('192.0.2.1', 'scan', 'operator', 1, NULL);
    PRAGMA application_id = ${0x57656972};
    PRAGMA user_version = 1;
  `);
  file.close();
  const stores = openDecisionStores(at);
  assert.deepEqual(
    stores.blocks.list().map(({ target }) => target),
    ['192.0.2.1'],
  );
  stores.rules.save({ version: 1, nextId: 2, rules: [rule(1)] });
  stores.close();
});
