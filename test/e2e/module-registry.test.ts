/** Module versions of a real node: loaded, taken back, kept over a restart, refused, put in quarantine. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import {
  degradedReason,
  fail,
  load,
  moduleOf,
  newFolder,
  ownConfig,
  statuses,
  statusOf,
  stop,
  type Version,
  versions,
  weir,
} from '../support/own-module.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';
import { largeField, statusGuest } from '../support/versioned-guest.ts';

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

describe('a restart', () => {
  it('keeps what was loaded by hand while the file is what it was, and takes a file that changed', async () => {
    const folder = newFolder();
    const state = join(newFolder(), 'state');
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    {
      await using edge = await startEdgeProcess(ownConfig(folder), state);
      await load(edge, statusGuest(402));
      await stop(edge);
    }
    {
      await using edge = await startEdgeProcess(ownConfig(folder), state);
      assert.deepEqual(await statuses(edge), [402]);
      assert.ok(
        edge.log.some(({ msg }) => String(msg).startsWith('module loaded by hand stays live')),
      );
      assert.equal((await moduleOf(edge))['isAsConfigured'], false);
      // A reload goes by the same rule.
      assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
      assert.deepEqual(await statuses(edge), [402]);
      writeFileSync(join(folder, 'own.wasm'), statusGuest(405));
      assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
      assert.deepEqual(await statuses(edge), [405]);
      assert.deepEqual(await versions(edge), ['3 live config', '2 ready api', '1 ready config']);
      await weir(edge, 'module', 'rollback', 'own');
      await stop(edge);
    }
    {
      await using edge = await startEdgeProcess(ownConfig(folder), state);
      assert.deepEqual(await statuses(edge), [402]);
      await stop(edge);
    }
    writeFileSync(join(folder, 'own.wasm'), statusGuest(406));
    await using edge = await startEdgeProcess(ownConfig(folder), state);
    assert.deepEqual(await statuses(edge), [406]);
    assert.equal((await moduleOf(edge))['version'], 4);
  });
});

describe('an upgrade', () => {
  it('goes by the same rule, and the history goes with it', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    await using edge = await startEdgeProcess(ownConfig(folder));
    await load(edge, statusGuest(402));
    await load(edge, Buffer.from('not wasm'));
    assert.equal((await edge.call('POST', '/api/v1/upgrade')).status, 200);
    assert.deepEqual(await statuses(edge), [402]);
    assert.deepEqual(await versions(edge), ['3 failed api', '2 live api', '1 ready config']);
    assert.match(String((await moduleOf(edge))['lastError']), /^version 3: /);
    assert.equal((await weir(edge, 'module', 'rollback', 'own')).code, 0);
    assert.deepEqual(await statuses(edge), [401]);
  });
});

describe('the trial in one worker', () => {
  it('is for new settings as well', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401, true));
    await using edge = await startEdgeProcess(ownConfig(folder));
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
    const { body } = await edge.call('GET', '/api/v1/status');
    assert.deepEqual(
      (body['workers'] as { generation: number }[]).map(({ generation }) => generation),
      [1, 1],
    );
  });
});

describe('quarantine', () => {
  it('takes a version out of service that keeps failing, for the newest good one before it', async () => {
    const folder = newFolder();
    const state = join(newFolder(), 'state');
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    {
      await using edge = await startEdgeProcess(ownConfig(folder), state);
      await load(edge, statusGuest(402));
      await load(edge, statusGuest(403, true));
      assert.deepEqual(await statuses(edge), [403]);
      // One failure is one request.
      assert.equal(await statusOf(edge, largeField), 503);
      assert.deepEqual(await statuses(edge), [403]);
      await fail(edge);
      await edge.logged(({ msg, origin }) => msg === 'module live' && origin === 'quarantine');
      assert.deepEqual(await statuses(edge), [402]);
      assert.equal(await statusOf(edge, largeField), 402);
      assert.deepEqual(await versions(edge), [
        '3 quarantined api',
        '2 live quarantine',
        '1 ready config',
      ]);
      const reason = await degradedReason(edge);
      assert.match(reason, /^version 3 is in quarantine \(too many failures.*unreachable/);
      assert.match(reason, /version 2 runs in its place; .*weir module rollback own --to 3/);
      const { body } = await edge.call('GET', '/metrics');
      assert.match(String(body['text']), /^weir_module_quarantines_total\{module="own"\} 1$/m);
      assert.match(String(body['text']), /^weir_module_version\{module="own"\} 2$/m);
      await stop(edge);
    }
    await using edge = await startEdgeProcess(ownConfig(folder), state);
    assert.deepEqual(await statuses(edge), [402]);
    // Somebody who says its number gets it, and the notice goes.
    assert.equal((await weir(edge, 'module', 'rollback', 'own', '--to', '3')).code, 0);
    assert.deepEqual(await statuses(edge), [403]);
    assert.equal(await degradedReason(edge), '');
  });

  for (const policy of ['closed', 'open'] as const) {
    it(`leaves a module off under its policy where there is no version before it: ${policy}`, async () => {
      const folder = newFolder();
      const state = join(newFolder(), 'state');
      writeFileSync(join(folder, 'own.wasm'), statusGuest(401, true));
      const rule = `failure: ${policy}`;
      await using origin = await RawOrigin.answering(plainAnswer);
      const more = { rule, origin: origin.url };
      const answer = policy === 'closed' ? 503 : 200;
      {
        await using edge = await startEdgeProcess(ownConfig(folder, more), state);
        assert.deepEqual(await statuses(edge), [401]);
        await fail(edge);
        await until('it is off', async () => (await moduleOf(edge))['state'] === 'off');
        assert.deepEqual(await statuses(edge), [answer]);
        assert.match(await degradedReason(edge), /no earlier version is ready/);
        const { body } = await edge.call('GET', '/metrics');
        assert.match(String(body['text']), /^weir_module_state\{module="own",state="off"\} 1$/m);
        // A worker that starts now does not run it either.
        const status = await edge.call('GET', '/api/v1/status');
        const pids = (status.body['workers'] as { pid: number }[]).map(({ pid }) => pid);
        for (const pid of pids) process.kill(pid, 'SIGKILL');
        await edge.logged(() => edge.log.filter(({ msg }) => msg === 'worker ready').length === 4);
        assert.deepEqual(await statuses(edge), [answer]);
        await stop(edge);
      }
      await using edge = await startEdgeProcess(ownConfig(folder, more), state);
      assert.deepEqual(await statuses(edge), [answer]);
      assert.equal((await moduleOf(edge))['state'], 'off');
      await load(edge, statusGuest(404));
      assert.deepEqual(await statuses(edge), [404]);
      assert.equal(await degradedReason(edge), '');
    });
  }
});
