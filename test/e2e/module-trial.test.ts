/** A new module version in one worker, before the others run it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import { load, newFolder, ownConfig, statuses, statusOf, versions } from '../support/own-module.ts';
import { until } from '../support/until.ts';
import { dearGuest, largeField, statusGuest } from '../support/versioned-guest.ts';

describe('the trial in one worker', () => {
  it('is for new settings as well', async () => {
    const folder = newFolder();
    // By the settings of before it does not fail, so that nothing but the trial finds it out.
    writeFileSync(join(folder, 'own.wasm'), dearGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    assert.equal(await statusOf(edge, largeField), 401);
    const file = join(edge.folder, 'edge.yaml');
    const changed = readFileSync(file, 'utf8')
      .replace('canaryMs: 20', 'canaryMs: 60000')
      .replace('own.wasm",', 'own.wasm", fuel: 10000,');
    writeFileSync(file, changed);
    let isOver = false;
    const reloading = edge.call('POST', '/api/v1/reload').finally(() => {
      isOver = true;
    });
    while (!isOver) await statusOf(edge, largeField);
    assert.match(JSON.stringify((await reloading).body), /MODULE_TRIAL_FAILED/);
  });

  it('refuses a version that fails there, and the one before serves on everywhere', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(
      ownConfig(folder, { waf: '' }).replace('canaryMs: 20', 'canaryMs: 60000'),
    );
    const loading = load(edge, statusGuest(402, true));
    // Both workers answer until one of them runs the new version and fails on it.
    let isOver = false;
    const answered = loading.finally(() => {
      isOver = true;
    });
    const seen = new Set<number>();
    while (!isOver) seen.add(await statusOf(edge, largeField));
    const refused = await answered;
    assert.equal(refused.status, 422, JSON.stringify(refused.body));
    assert.match(
      JSON.stringify(refused.body),
      /module own failed while own was tried in one worker.*trap: unreachable/,
    );
    assert.deepEqual([...seen].toSorted(), [401, 503]);
    assert.deepEqual(await statuses(edge), [401]);
    assert.deepEqual(await versions(edge), ['2 failed api', '1 live config']);
    // What was refused is gone from every worker, those that had only prepared it among them.
    const instances = async () => {
      const metrics = await edge.call('GET', '/metrics');
      const text = String(metrics.body['text']);
      return [...text.matchAll(/^weir_module_memory_bytes\{module="own"/gm)].length;
    };
    await until('one version in memory', async () => (await instances()) === 1);
    const { body } = await edge.call('GET', '/api/v1/status');
    assert.deepEqual(
      (body['workers'] as { generation: number }[]).map(({ generation }) => generation),
      [1, 1],
    );
  });
});
