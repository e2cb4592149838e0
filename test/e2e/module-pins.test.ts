/** A module whose hash the configuration names, and one that a reload has begun to watch. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import {
  load,
  moduleOf,
  newFolder,
  ownConfig,
  statuses,
  stop,
  weir,
} from '../support/own-module.ts';
import { until } from '../support/until.ts';
import { statusGuest } from '../support/versioned-guest.ts';

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

it('what is watched and what is pinned follows each reload', async () => {
  const folder = newFolder();
  const path = join(folder, 'own.wasm');
  const put = (status: number): void => {
    writeFileSync(`${path}.new`, statusGuest(status));
    renameSync(`${path}.new`, path);
  };
  put(401);
  await using edge = await startEdgeProcess(
    ownConfig(folder, { rule: 'watch: false', workers: 1 }),
  );
  const rule = async (text: string): Promise<{ status: number; body: unknown }> => {
    const before = readFileSync(join(edge.folder, 'edge.yaml'), 'utf8');
    const after = before.replace(/(own\.wasm", )[^}]*\}/, `$1${text} }`);
    writeFileSync(join(edge.folder, 'edge.yaml'), after);
    return edge.call('POST', '/api/v1/reload');
  };
  const isLive = (sha256: string) => async () => (await moduleOf(edge))['sha256'] === sha256;

  assert.equal((await rule('watch: true')).status, 200);
  put(402);
  await until('the changed file is live', isLive(sha256Of(statusGuest(402))));
  assert.deepEqual(await statuses(edge), [402]);

  // Pinned to what is live: everything else is refused, wherever it comes from, and said so.
  const pinned = sha256Of(statusGuest(402));
  assert.equal((await rule(`watch: true, sha256: ${pinned}`)).status, 200);
  const refused = await load(edge, statusGuest(403));
  assert.equal(refused.status, 422);
  assert.match(
    JSON.stringify(refused.body),
    /MODULE_HASH_REFUSED.*waf\.rules\.own\.sha256 asks for/,
  );
  const back = await weir(edge, 'module', 'rollback', 'own');
  assert.notEqual(back.code, 0);
  assert.match(back.text, /waf\.rules\.own\.sha256 asks for/);
  put(403);
  const noticed = await edge.logged(
    ({ msg, degraded }) => msg === 'degraded' && degraded === 'module own (watched)',
  );
  assert.match(String(noticed['reason']), /waf\.rules\.own\.sha256 asks for/);
  const wrong = await edge.call('POST', '/api/v1/reload');
  assert.equal(wrong.status, 422);
  assert.match(JSON.stringify(wrong.body), /MODULE_HASH_REFUSED/);
  assert.deepEqual(await statuses(edge), [402]);

  // With the pin gone the file counts again, and without watch nobody looks at it.
  assert.equal((await rule('watch: false')).status, 200);
  assert.deepEqual(await statuses(edge), [403]);
  await stop(edge);
});
