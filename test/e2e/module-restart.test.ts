/** Which module version a node runs after a restart, a reload and an upgrade. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import {
  load,
  moduleOf,
  newFolder,
  ownConfig,
  statuses,
  stop,
  versions,
  weir,
} from '../support/own-module.ts';
import { statusGuest } from '../support/versioned-guest.ts';

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
