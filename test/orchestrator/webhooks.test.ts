/** Where a webhook may not lead, and when it is given up. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadOrchestrator } from '#config/load-orchestrator.ts';
import type { KnownNode } from '#orchestrator/node-registry.ts';
import { Webhooks } from '#orchestrator/webhooks.ts';
import { createLog } from '#telemetry/log.ts';

const log = createLog('silent', 'test');
const node: KnownNode = {
  ...{ id: 'a', state: 'dead', stateAtMs: 1, registeredAtMs: 1, beatAtMs: 1, told: false },
  hello: {
    ...{ v: 1, node: 'a', addresses: [], region: null, tags: [], version: '1', modules: {} },
    ...{ shield: 'accept', startedAtMs: 1, admin: '' },
  },
  beat: null,
};
const target = (url: string, more: object = {}) => ({
  ...{ url, secretFile: '', secret: 's'.repeat(32), allowInternal: true },
  ...{ timeoutMs: 500, attemptsMax: 3 },
  ...more,
});

async function startServer(answer: (path: string) => { status: number; location?: string } | null) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    const said = answer(request.url ?? '');
    // Null: never answers.
    if (said === null) return;
    response.writeHead(said.status, said.location === undefined ? {} : { location: said.location });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    paths,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('webhooks', () => {
  it('a name that leads to this machine is not connected to unless that is allowed', async () => {
    await using server = await startServer(() => ({ status: 204 }));
    const url = `http://localhost:${server.port}/hook`;
    const refused = new Webhooks([target(url, { allowInternal: false })], 'f', log, 1);
    await refused.nodeDied(node);
    assert.deepEqual(refused.counts, { delivered: 0, failedAttempts: 3, givenUp: 1 });
    assert.deepEqual(server.paths, []);
    await refused.close();
    const allowed = new Webhooks([target(url)], 'f', log, 1);
    await allowed.nodeDied(node);
    assert.deepEqual([allowed.counts.delivered, server.paths], [1, ['/hook']]);
    await allowed.close();
  });

  it('are given up after so many attempts, follow no redirect and wait for nobody for ever', async () => {
    await using server = await startServer((path) =>
      path === '/silent' ? null : { status: 302, location: '/elsewhere' },
    );
    const base = `http://127.0.0.1:${server.port}`;
    const hooks = new Webhooks([target(`${base}/moved`), target(`${base}/silent`)], 'f', log, 1);
    await hooks.nodeDied(node);
    assert.deepEqual(hooks.counts, { delivered: 0, failedAttempts: 6, givenUp: 2 });
    assert.deepEqual(new Set(server.paths), new Set(['/moved', '/silent']));
    await hooks.close();
  });

  it('a configuration that names what is not public, or a weak secret, is refused in words', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-hook-'));
    const good = join(folder, 'good');
    const short = join(folder, 'short');
    writeFileSync(good, 'x'.repeat(32));
    writeFileSync(short, 'secret');
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['http://169.254.169.254/latest', good, /no address of the public Internet/],
      ['http://[::1]:80/', good, /no address of the public Internet/],
      ['http://10.0.0.1/', good, /no address of the public Internet/],
      ['http://2130706433/', good, /no address of the public Internet/],
      ['ftp://example.org/', good, /no http or https URL/],
      ['https://me:pw@example.org/', good, /user name or a password/],
      ['https://example.org/', short, /32 at least/],
      ['https://example.org/', join(folder, 'none'), /ENOENT|no such file/],
    ];
    for (const [url, secretFile, says] of cases) {
      const file = join(folder, 'orchestrator.yaml');
      writeFileSync(file, `webhooks: [{ url: "${url}", secretFile: "${secretFile}" }]\n`);
      const loaded = await loadOrchestrator({ file, env: {} });
      assert.equal(loaded.ok, false, url);
      if (!loaded.ok) assert.match(loaded.problems.map(({ message }) => message).join(), says, url);
    }
    rmSync(folder, { recursive: true });
  });
});
