/** A node that asks for signatures, and modules from an OCI layout: by command, file, watch and reload. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import { OciFolder } from '../support/oci-folder.ts';
import {
  load,
  moduleOf,
  newFolder,
  ownConfig,
  statuses,
  stop,
  versions,
  weirAlone,
} from '../support/own-module.ts';
import { statusGuest } from '../support/versioned-guest.ts';

/** A folder with a key, a signed module, and what the configuration says of the key. */
async function signedFolder(
  sequence = 10,
): Promise<{ folder: string; waf: string; publicKey: string }> {
  const folder = newFolder();
  const key = await weirAlone('module', 'keygen', '--out', join(folder, 'signing.key'), '--json');
  const { publicKey } = JSON.parse(key.text) as { publicKey: string };
  writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
  await sign(folder, 'own.wasm', sequence);
  const waf = `signatures: { required: true, keys: [{ name: build, publicKey: "${publicKey}" }] }`;
  return { folder, waf, publicKey };
}

const sign = (folder: string, file: string, sequence: number, name = 'own') =>
  weirAlone(
    ...['module', 'sign', join(folder, file), '--key', join(folder, 'signing.key')],
    ...['--name', name, '--sequence', String(sequence)],
  );

describe('a node that asks for signatures', () => {
  it('takes what is signed, and says of everything else why not', async () => {
    const { folder, waf } = await signedFolder();
    assert.equal(statSync(join(folder, 'signing.key')).mode & 0o777, 0o600);
    await using edge = await startEdgeProcess(ownConfig(folder, { waf }));
    assert.equal((await moduleOf(edge))['signedBy'], 'build');
    const file = (name: string) => join(folder, name);
    const loadFile = (name: string, ...more: string[]) =>
      weirAlone('module', 'load', 'own', file(name), '--state', edge.state, ...more);

    writeFileSync(file('next.wasm'), statusGuest(402));
    const unsigned = await loadFile('next.wasm');
    assert.match(
      unsigned.text,
      /module own has no signature, and waf\.signatures\.required is set/,
    );
    await sign(folder, 'next.wasm', 11, 'other');
    assert.match(
      (await loadFile('next.wasm')).text,
      /is for a module named other, and this is own/,
    );
    const others = await loadFile('next.wasm', '--signature', file('own.wasm.sig'));
    assert.match(others.text, /the signature of module own is for other bytes/);
    await weirAlone('module', 'keygen', '--out', file('stranger.key'));
    const strange = ['module', 'sign', file('next.wasm'), '--key', file('stranger.key')];
    await weirAlone(...strange, '--name', 'own', '--key-name', 'stranger');
    assert.match((await loadFile('next.wasm')).text, /a key named stranger that is not known here/);
    assert.deepEqual(await statuses(edge), [401]);

    await sign(folder, 'next.wasm', 11);
    const loaded = await loadFile('next.wasm');
    assert.match(loaded.text, /^own is version 6, .*, signed by build\), was/);
    assert.deepEqual(await statuses(edge), [402]);

    // What was signed before is a replay, unless the registry itself goes back.
    const replayed = await loadFile('own.wasm');
    assert.match(
      replayed.text,
      /older than one that was live already \(sequence 10, and 11 was accepted\)/,
    );
    const back = await weirAlone('module', 'rollback', 'own', '--state', edge.state);
    assert.match(back.text, /^own is version 1, .*signed by build/);
    assert.deepEqual(await statuses(edge), [401]);
    assert.deepEqual(
      (await versions(edge)).filter((text) => !text.includes('failed')),
      ['6 ready api', '1 live rollback'],
    );
  });

  it('holds the file of the configuration to the same, at a start, a reload and a change', async () => {
    const { folder, waf } = await signedFolder();
    const state = join(newFolder(), 'state');
    {
      await using edge = await startEdgeProcess(
        ownConfig(folder, { waf, rule: 'watch: true' }),
        state,
      );
      await sign(folder, 'own.wasm', 9);
      writeFileSync(join(folder, 'next'), statusGuest(402));
      renameSync(join(folder, 'next'), join(folder, 'own.wasm'));
      const noticed = await edge.logged(
        ({ msg, degraded }) => msg === 'degraded' && degraded === 'module own (watched)',
      );
      assert.match(String(noticed['reason']), /is for other bytes/);
      const refused = await edge.call('POST', '/api/v1/reload');
      assert.equal(refused.status, 422);
      assert.match(JSON.stringify(refused.body), /MODULE_SIGNATURE_REFUSED/);
      assert.deepEqual(await versions(edge), [
        '3 failed config',
        '2 failed watch',
        '1 live config',
      ]);
      assert.deepEqual(await statuses(edge), [401]);
      await sign(folder, 'own.wasm', 10);
      assert.equal((await edge.call('POST', '/api/v1/reload')).status, 200);
      assert.deepEqual(await statuses(edge), [402]);
      await stop(edge);
    }
    rmSync(join(folder, 'own.wasm.sig'));
    // The version that is current came with a signature, which is kept.
    {
      await using edge = await startEdgeProcess(ownConfig(folder, { waf }), state);
      assert.equal((await moduleOf(edge))['signedBy'], 'build');
      await stop(edge);
    }
    writeFileSync(join(folder, 'own.wasm'), statusGuest(403));
    await assert.rejects(startEdgeProcess(ownConfig(folder, { waf }), state), /has no signature/);
  });

  it('lets go of what was loaded by hand when its key is no longer trusted', async () => {
    const { folder, waf, publicKey } = await signedFolder();
    const state = join(newFolder(), 'state');
    {
      await using edge = await startEdgeProcess(ownConfig(folder, { waf }), state);
      writeFileSync(join(folder, 'next.wasm'), statusGuest(402));
      await sign(folder, 'next.wasm', 11);
      await weirAlone('module', 'load', 'own', join(folder, 'next.wasm'), '--state', edge.state);
      assert.deepEqual(await statuses(edge), [402]);
      await stop(edge);
    }
    const made = await weirAlone('module', 'keygen', '--out', join(folder, 'new.key'), '--json');
    const { publicKey: fresh } = JSON.parse(made.text) as { publicKey: string };
    const own = ['module', 'sign', join(folder, 'own.wasm'), '--key', join(folder, 'new.key')];
    await weirAlone(...own, '--name', 'own', '--sequence', '10');
    await using edge = await startEdgeProcess(
      ownConfig(folder, { waf: waf.replace(publicKey, fresh) }),
      state,
    );
    assert.deepEqual(await statuses(edge), [401]);
    const { body } = await edge.call('GET', '/api/v1/status');
    assert.match(
      JSON.stringify(body['degraded']),
      /version 2, which was loaded by hand, gave way to/,
    );
  });

  it('asks nothing of modules that ship with Weir', async () => {
    const { waf } = await signedFolder();
    const builtin = ownConfig('/nowhere', { waf }).replace('/nowhere/own.wasm', 'builtin:bad-bot');
    await using edge = await startEdgeProcess(builtin);
    assert.equal((await moduleOf(edge))['signedBy'], null);
    // Bytes that somebody sends under its name are not of that kind.
    assert.equal((await load(edge, statusGuest(402))).status, 422);
  });
});

describe('a module from an OCI layout', () => {
  it('is loaded, and followed when the index changes', async () => {
    const folder = newFolder();
    const layout = new OciFolder(join(folder, 'layout'));
    layout.put(statusGuest(401), undefined, 'v1');
    const source = 'oci:layout#v1';
    const config = ownConfig(folder, { rule: 'watch: true' }).replace(
      `${folder}/own.wasm`,
      `oci:${folder}/layout#v1`,
    );
    await using edge = await startEdgeProcess(config);
    assert.deepEqual(await statuses(edge), [401]);
    assert.match(String((await moduleOf(edge))['source']), new RegExp(`${source.slice(4)}$`));
    layout.put(statusGuest(402), undefined, 'v1');
    await edge.logged(({ msg, origin }) => msg === 'module live' && origin === 'watch');
    assert.deepEqual(await statuses(edge), [402]);
    layout.put(statusGuest(403), undefined, 'v2');
    await edge.logged(
      ({ msg, reason }) => msg === 'degraded' && /nothing tagged v1/.test(String(reason)),
    );
    assert.deepEqual(await statuses(edge), [402]);
    const loadLayout = (source: string) =>
      weirAlone('module', 'load', 'own', source, '--state', edge.state);
    assert.match((await loadLayout(`oci:${folder}/layout#v2`)).text, /^own is version 3, /);
    assert.deepEqual(await statuses(edge), [403]);
    assert.match((await loadLayout(`oci:${folder}/layout#v3`)).text, /nothing tagged v3/);
  });
});
