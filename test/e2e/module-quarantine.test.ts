/** What becomes of a module that keeps failing. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
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
  versions,
  weir,
} from '../support/own-module.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';
import { largeField, statusGuest } from '../support/versioned-guest.ts';

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
      assert.match(
        String(body['text']),
        /^weir_module_loads_total\{origin="quarantine",result="ok"\} 1$/m,
      );
      await stop(edge);
    }
    await using edge = await startEdgeProcess(ownConfig(folder), state);
    assert.deepEqual(await statuses(edge), [402]);
    // Somebody who says its number gets it, and the notice goes.
    assert.equal((await weir(edge, 'module', 'rollback', 'own', '--to', '3')).code, 0);
    assert.deepEqual(await statuses(edge), [403]);
    assert.equal(await degradedReason(edge), '');
  });

  it('counts the failures of all workers together', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401, true));
    const state = join(newFolder(), 'state');
    await using edge = await startEdgeProcess(ownConfig(folder, { workers: 4 }), state);
    // Five of them: one worker has hardly seen them all.
    for (let i = 0; i < 5; i++) assert.equal(await statusOf(edge, largeField), 503);
    await until('it is off', async () => (await moduleOf(edge))['state'] === 'off');
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
