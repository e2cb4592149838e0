/** A leader that is killed: the other orchestrator acts in its place, tells of what died meanwhile, and keeps the lead. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { mainFile } from '../support/edge-process.ts';
import { type FleetFolder, startFleet } from '../support/fleet-folder.ts';
import { startMember } from '../support/fleet-node.ts';
import { call } from '../support/http-call.ts';
import { needsNats } from '../support/nats-server.ts';
import { NemesisProcess } from '../support/nemesis-process.ts';
import { until } from '../support/until.ts';

type Body = Record<string, Record<string, unknown>> & { readonly state?: string };

/** The shipped command, with a state that outlives it. */
class OrchestratorProcess {
  readonly process: NemesisProcess;
  readonly #state: string;

  constructor(fleet: FleetFolder, folder: string, id: string, hook: string) {
    this.#state = join(folder, id);
    const file = join(folder, `${id}.yaml`);
    const secret = join(folder, 'secret');
    writeFileSync(secret, 'a'.repeat(40), { mode: 0o600 });
    writeFileSync(
      file,
      `api: { address: "127.0.0.1:0" }
nodes: { deadAfterMs: 12000 }
webhooks: [{ url: "${hook}", secretFile: "${secret}", allowInternal: true }]
state: ${this.#state}
${fleet.section(id)}
`,
    );
    this.process = new NemesisProcess({
      name: id,
      command: () => [process.execPath, mainFile, 'orchestrator', '--config', file],
      readyWords: '"orchestrator ready"',
    });
  }

  async call(method: string, path: string, body?: object): Promise<{ status: number; body: Body }> {
    const { admin } = JSON.parse(readFileSync(join(this.#state, 'orchestrator.json'), 'utf8'));
    const token = readFileSync(join(this.#state, 'token'), 'utf8').trim();
    const answer = await call(admin, method, path, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: JSON.parse(answer.body) as Body };
  }

  block(target: string) {
    return this.call('POST', '/api/v1/blocklist', { target, ttlSeconds: 600, waitMs: 5_000 });
  }

  async leader(): Promise<unknown> {
    const { body } = await this.call('GET', '/api/v1/status');
    return (body['fleet']?.['leader'] as { readonly id: string } | null)?.id ?? null;
  }

  async stateOf(node: string): Promise<unknown> {
    return (await this.call('GET', `/api/v1/nodes/${node}`)).body.state;
  }
}

describe('two orchestrators, of which one is killed', { skip: needsNats() }, () => {
  it('the other leads, blocks, tells of what died meanwhile, and leads on when the first is back', async () => {
    await using fleet = await startFleet(['a', 'b'], 'f', ['first', 'second']);
    const folder = mkdtempSync(join(tmpdir(), 'weir-takeover-'));
    const told: string[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        told.push((JSON.parse(body) as { readonly node: string }).node);
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/died`;
    const first = new OrchestratorProcess(fleet, folder, 'first', hook);
    const second = new OrchestratorProcess(fleet, folder, 'second', hook);
    try {
      await first.process.start();
      await until('first leads', async () => (await first.leader()) === 'first');
      await second.process.start();
      await using a = startMember(fleet, 'a');
      await using b = startMember(fleet, 'b');
      for (const node of ['a', 'b'])
        await until('registered', async () => (await second.stateOf(node)) === 'active');
      await until('second follows', async () => (await second.leader()) === 'first');
      assert.equal((await first.block('192.0.2.1')).status, 200);
      const refused = await second.block('192.0.2.2');
      assert.deepEqual([refused.status, refused.body['error']?.['code']], [409, 'NOT_LEADER']);

      await first.process.kill();
      // As kill -9: not a word more.
      await b.bus.close();
      await until('b is dead', async () => (await second.stateOf('b')) === 'dead');
      await until('second leads', async () => (await second.leader()) === 'second');
      await until('told', () => told.length > 0);
      const added = await second.block('192.0.2.2');
      assert.equal(added.status, 200, JSON.stringify(added.body));
      assert.deepEqual(added.body['acknowledged'], { nodes: 1, kernels: 0, of: 1 });
      for (const target of ['192.0.2.1', '192.0.2.2']) assert.equal(a.enforced.has(target), true);

      await first.process.start();
      await until('first follows', async () => (await first.leader()) === 'second');
      await until('first has it', async () => {
        const { body } = await first.call('GET', '/api/v1/blocklist');
        return (body['count'] as unknown) === 2;
      });
      assert.equal((await first.block('192.0.2.3')).status, 409);
      assert.deepEqual(told, ['b'], 'once');
    } finally {
      await first.process.kill();
      await second.process.kill();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
