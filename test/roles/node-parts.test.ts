/** The parts of a node, opened again after an upgrade that did not get there. */
import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '#config/load.ts';
import { NodeParts } from '#roles/node-parts.ts';
import { exclusionsFile } from '#state/exclusion-file.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';

it('goes on with the parts that can be had again, and says of the others why not', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'weir-parts-'));
  const loaded = loadConfig({
    file: null,
    env: {},
    defaults: JSON.stringify({
      state: folder.path,
      edge: { listeners: [{ address: '127.0.0.1:0', plaintext: true }] },
      upstreams: { app: { servers: [{ url: 'http://127.0.0.1:9' }] } },
      routes: [{ upstream: 'app' }],
    }),
  });
  assert.ok(loaded.ok);
  const said = new Map<string, string | null>();
  const parts = new NodeParts({
    statePath: folder.path,
    log: pino({ level: 'silent' }),
    registry: new MetricRegistry(),
    supervisor: () => assert.fail('no worker is asked'),
    node: () => null,
    setDegraded: (part, reason) => said.set(part, reason),
  });
  await parts.start(loaded.config);
  await parts.close();
  await writeFile(join(folder.path, exclusionsFile), 'not what was written');

  await parts.restart(loaded.config);
  assert.match(
    said.get('exclusions') ?? '',
    /^not opened again: .*exclusions\.json .*move it away/s,
  );
  assert.deepEqual(await parts.controls.replay.recordings(), [], 'what comes behind it');
  await assert.doesNotReject(parts.controls.events.counts('kind', {}, 0, 1));
  await parts.close();
});
