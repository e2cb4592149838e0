/** Module versions of a real node: loaded, taken back, removed, refused with their reason. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import {
  load,
  moduleOf,
  newFolder,
  ownConfig,
  statuses,
  type Version,
  versions,
  weir,
} from '../support/own-module.ts';
import { until } from '../support/until.ts';
import { statusGuest } from '../support/versioned-guest.ts';

describe('versions of a module', () => {
  it('go live one after another, and back in one command', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    assert.deepEqual(await statuses(edge), [401]);
    for (const status of [402, 403, 404]) {
      const { body } = await load(edge, statusGuest(status));
      assert.equal((body['module'] as Version).version, status - 400);
      assert.deepEqual(await statuses(edge), [status]);
    }
    assert.deepEqual(await versions(edge), [
      '4 live api',
      '3 ready api',
      '2 ready api',
      '1 retired config',
    ]);
    const back = await weir(edge, 'module', 'rollback', 'own');
    assert.match(back.text, /^own is version 3, [0-9a-f]{12} .*live in 2 workers\n$/);
    assert.deepEqual(await statuses(edge), [403]);
    assert.deepEqual(await versions(edge), [
      '4 ready api',
      '3 live rollback',
      '2 ready api',
      '1 retired config',
    ]);
    const named = await edge.call('POST', '/api/v1/modules/own/rollback', { to: 2 });
    assert.deepEqual([named.status, (named.body['module'] as Version).version], [200, 2]);
    assert.deepEqual(await statuses(edge), [402]);
    const shown = await weir(edge, 'module', 'show', 'own');
    for (const line of [
      /^own +live *$/m,
      /^version +2, [0-9a-f]{12} \([\d,]+ bytes\)$/m,
      /^loaded in +\d+\.\d\d s$/m,
      /^ready in +\d+\.\d ms a worker$/m,
      /^calls +request-head [\d,]+$/m,
      /^verdicts +block [\d,]+$/m,
      /^failures +none$/m,
      /^time +[\d.,]+ µs a call/m,
      /^instructions +[\d.,]+ a call, 99 of 100 at most /m,
      /^memory +[\d,]+ bytes$/m,
    ])
      assert.match(shown.text, line);
    const stranger = await weir(edge, 'module', 'show', 'other');
    assert.match(stranger.text, /^weir: there is no module other\n {2}there are own\n/);
    const none = await weir(edge, 'module', 'rollback', 'own');
    assert.match(none.text, /no version before 2 that is ready; to be had: 4, 3/);
    const gone = await weir(edge, 'module', 'rollback', 'own', '--to', '1');
    assert.match(gone.text, /version 1 of module own is retired and its bytes are no longer kept/);
    assert.equal(gone.code, 1);
    const files = readdirSync(join(edge.state, 'modules')).filter((name) => name.endsWith('.wasm'));
    assert.equal(files.length, 3);
    for (const name of files)
      assert.equal(statSync(join(edge.state, 'modules', name)).mode & 0o777, 0o600);
  });

  it('go back to what the configuration began with', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    await load(edge, statusGuest(402));
    assert.match((await weir(edge, 'module', 'rollback', 'own')).text, /^own is version 1,/);
    assert.deepEqual(await statuses(edge), [401]);
    // A start is measured as a load is.
    const again = await weir(edge, 'module', 'rollback', 'own');
    assert.match(again.text, /no version before 1 that is ready; to be had: 2/);
  });

  it('are removed when they are not live', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    await load(edge, statusGuest(402));
    const live = await weir(edge, 'module', 'remove', 'own', '--version', '2');
    assert.match(live.text, /version 2 of module own is live/);
    const removed = await weir(edge, 'module', 'remove', 'own', '--version', '1');
    assert.match(removed.text, /^version 1 of own \([0-9a-f]{12}, ready\) is removed\n$/);
    assert.deepEqual(await versions(edge), ['2 live api']);
    await until(
      () => 'its file is gone',
      () =>
        readdirSync(join(edge.state, 'modules')).filter((n) => n.endsWith('.wasm')).length === 1,
    );
    // A number is given once.
    await load(edge, statusGuest(403));
    assert.deepEqual(await versions(edge), ['3 live api', '2 ready api']);
  });

  it('that were refused stand in the history with their reason', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    const refused = await load(edge, Buffer.from('not wasm'));
    assert.equal(refused.status, 422);
    assert.deepEqual(await versions(edge), ['2 failed api', '1 live config']);
    const shown = await weir(edge, 'module', 'history', 'own');
    assert.match(shown.text, /^2 +failed .*rule module own is not usable/m);
    assert.match(String((await moduleOf(edge))['lastError']), /^version 2: rule module own is not/);
    await load(edge, Buffer.from('not wasm'));
    assert.deepEqual(await versions(edge), ['2 failed api', '1 live config']);
    assert.deepEqual(await statuses(edge), [401]);
  });

  it('pass their own cases, or stay away', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    const next = join(folder, 'next.wasm');
    const answers = (status: number) =>
      JSON.stringify([{ name: 'blocks', request: {}, verdict: { status, rule: 'rule/a' } }]);
    writeFileSync(next, statusGuest(402));
    writeFileSync(join(folder, 'next.cases.json'), answers(403));
    const refused = await weir(edge, 'module', 'load', 'own', next);
    assert.match(
      refused.text,
      /does not do what its case "blocks" says: verdict\.status is 402, not 403/,
    );
    writeFileSync(join(folder, 'next.cases.json'), '[{ "nam": 1 }]');
    const unreadable = await weir(edge, 'module', 'load', 'own', next);
    assert.match(unreadable.text, /its cases cannot be read: line:1:\d+ .*nam/);
    writeFileSync(join(folder, 'next.cases.json'), answers(402));
    assert.equal((await weir(edge, 'module', 'load', 'own', next)).code, 0);
    assert.deepEqual(await statuses(edge), [402]);
    // Those beside the file of the configuration count as well.
    writeFileSync(join(folder, 'own.cases.json'), answers(499));
    writeFileSync(join(folder, 'own.wasm'), statusGuest(404));
    const reload = await edge.call('POST', '/api/v1/reload');
    assert.match(JSON.stringify(reload.body), /does not do what its case/);
  });

  it('of one name are not changed twice at the same time', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    const both = await Promise.all([load(edge, statusGuest(402)), load(edge, statusGuest(403))]);
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [200, 409]);
    assert.match(JSON.stringify(both), /MODULE_BUSY/);
  });
});
