/** The audit log: what is in it, and that what was done to it shows. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { AuditLog } from '#orchestrator/audit-log.ts';
import { openOrchestratorDatabase } from '#orchestrator/orchestrator-database.ts';
import type { StateDatabase } from '#state/state-database.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';

const call = {
  caller: 'ci',
  role: 'operate',
  source: '127.0.0.1',
  method: 'POST',
  path: '/api/v1/blocklist',
  detail: '{"target":"192.0.2.7"}',
};

describe('the audit log', () => {
  let folder: string;
  let state: StateDatabase;
  let log: AuditLog;
  let nowMs = 1_000;
  const open = (entriesMax = 1_000) => new AuditLog(state, entriesMax, () => nowMs++);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-audit-'));
    state = openOrchestratorDatabase(folder);
    log = open();
    for (let at = 0; at < 5; at++) log.end(call, log.begin(call), 200);
  });
  afterEach(() => {
    state.close();
    rmSync(folder, { recursive: true });
  });

  it('is whole when nobody touched it, over a restart as well', () => {
    assert.deepEqual(log.verify(), { ok: true, entries: 10, head: log.head, broken: null });
    const { head } = log;
    state.close();
    state = openOrchestratorDatabase(folder);
    log = open();
    assert.deepEqual(log.head, head);
    log.begin(call);
    assert.equal(log.verify().entries, 11);
  });

  const tampered: readonly (readonly [string, string, number])[] = [
    ['a changed caller', "UPDATE audit SET caller = 'me' WHERE sequence = 4", 4],
    ['a changed result', 'UPDATE audit SET status = 403 WHERE sequence = 6', 6],
    ['a changed time', 'UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 1', 1],
    ['a changed hash', "UPDATE audit SET hash = 'x' WHERE sequence = 7", 7],
    ['a row taken out', 'DELETE FROM audit WHERE sequence = 5', 5],
    ['the first rows taken out', 'DELETE FROM audit WHERE sequence <= 2', 1],
    ['the last row taken out', 'DELETE FROM audit WHERE sequence = 10', 10],
    [
      'a row put in behind the others',
      'INSERT INTO audit SELECT 11, at_ms, phase, of, caller, role, source, method, path, detail, status, hash FROM audit WHERE sequence = 10',
      11,
    ],
    [
      'two rows in each other’s place',
      'UPDATE audit SET sequence = CASE sequence WHEN 3 THEN -4 ELSE -3 END WHERE sequence IN (3, 4); UPDATE audit SET sequence = -sequence WHERE sequence < 0',
      3,
    ],
  ];
  for (const [what, statement, sequence] of tampered) {
    it(`names the first broken link: ${what}`, () => {
      state.database.exec(statement);
      const { ok, broken } = log.verify();
      assert.deepEqual([ok, broken?.sequence], [false, sequence]);
    });
  }

  it('keeps as many as its bound, and the chain begins where the old ones went', () => {
    log = open(20);
    for (let at = 0; at < 200; at++) log.begin(call);
    const count = state.database.prepare('SELECT count(*) AS count FROM audit').get()?.['count'];
    assert.equal(count, 20);
    assert.equal(log.verify().ok, true);
    state.database.exec('DELETE FROM audit WHERE sequence = (SELECT min(sequence) FROM audit)');
    assert.equal(log.verify().ok, false);
  });
});

describe('calls that change something', () => {
  it('are in it with who, what, from where and how it ended; refused ones too, reads not', async () => {
    await using orchestrator = await startTestOrchestrator();
    const made = await orchestrator.call('POST', '/api/v1/tokens', {
      body: { name: 'eve', role: 'read' },
    });
    const token = String(made.body['token']);
    await orchestrator.call('POST', '/api/v1/tokens', {
      body: { name: 'x', role: 'admin' },
      token,
    });
    await orchestrator.call('GET', '/api/v1/status', { token });
    await orchestrator.call('POST', '/api/v1/tokens', { token: 'nobody', body: {} });
    const { body } = await orchestrator.call('GET', '/api/v1/audit');
    const entries = Object.values(body['entries'] ?? {}).map((entry) => [
      ...[entry['sequence'], entry['phase'], entry['of'], entry['caller'], entry['role']],
      ...[entry['source'], entry['method'], entry['path'], entry['status'], entry['detail']],
    ]);
    const path = '/api/v1/tokens';
    const detail = '{"name":"eve","role":"read"}';
    assert.deepEqual(entries, [
      [3, 'end', null, 'eve', 'read', '127.0.0.1', 'POST', path, 403, ''],
      [2, 'end', 1, 'owner', 'admin', '127.0.0.1', 'POST', path, 200, detail],
      [1, 'begin', null, 'owner', 'admin', '127.0.0.1', 'POST', path, null, detail],
    ]);
    assert.ok(!JSON.stringify(body).includes(token), 'no token stands in the log');
    const verdict = await orchestrator.call('GET', '/api/v1/audit/verify');
    assert.equal(verdict.body['ok'], true);
  });
});
