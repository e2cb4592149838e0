/** A change goes live as its gate tried it, or is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Tried } from '#admin/replay-control.ts';
import { planModules } from '#roles/module-plan.ts';
import { loadTried } from '#roles/snapshot-source.ts';
import { ModuleStore } from '#state/module-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-tried-'));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'weir.yaml');
const rules = join(folder, 'own.conf');
const config = (level: string): string => `
edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app, waf: { rules: [own] } }]
waf: { rules: { own: { seclang: [${rules}] } } }
state: ${join(folder, 'state')}
log: { level: ${level} }
`;
const rule = (word: string): string =>
  `SecRuleEngine On\nSecRule ARGS "@contains ${word}" "id:1,phase:2,deny,status:403,msg:'${word}'"\n`;

describe('a change that a gate has let through', () => {
  writeFileSync(file, config('info'));
  writeFileSync(rules, rule('garden'));
  const origin = { file };

  const tried = async (): Promise<Tried> => {
    const loaded = await loadTried(origin, null, 7);
    const store = ModuleStore.open(join(folder, 'first'));
    const planned = await planModules(loaded, store, null);
    store.close();
    const modules = new Map(planned.map(({ name, sha256 }) => [name, sha256]));
    return { generation: 7, configSha256: loaded.sha256, modules };
  };

  it('goes live as it was tried', async () => {
    const terms = await tried();
    const loaded = await loadTried(origin, terms, 7);
    const store = ModuleStore.open(join(folder, 'second'));
    assert.equal((await planModules(loaded, store, null, terms)).length, 1);
    store.close();
  });

  it('is refused where something else went live meanwhile', async () => {
    const terms = await tried();
    await assert.rejects(loadTried(origin, terms, 8), { code: 'REPLAY_REFUSED' });
  });

  it('is refused where the configuration is another one by now', async () => {
    const terms = await tried();
    writeFileSync(file, config('debug'));
    await assert.rejects(loadTried(origin, terms, 7), { code: 'REPLAY_REFUSED' });
  });

  it('is refused where a module is another one by now', async () => {
    const terms = await tried();
    writeFileSync(rules, rule('meadow'));
    const loaded = await loadTried(origin, terms, 7);
    const store = ModuleStore.open(join(folder, 'third'));
    await assert.rejects(planModules(loaded, store, null, terms), {
      code: 'REPLAY_REFUSED',
      message: /module own changed while the recording was replayed/,
    });
    store.close();
  });
});
