/** A shipped edge whose NATS server knows it by signed claims (operator mode), and says why when they count no more. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseNatsCredentials } from '#core/nats-credentials.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { permissionsOf } from '#fleet/server-config.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { NatsOperator } from '../support/nats-operator.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

describe('an edge with credentials of NATS', { skip: needsNats() }, () => {
  it('is in its fleet by them, and its status says when they are revoked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-creds-'));
    const operator = new NatsOperator();
    const permissions = permissionsOf('f', { id: 'a', role: 'node', publicKey: '' });
    const text = operator.credentials('edge-a', permissions);
    const file = join(folder, 'a.creds');
    writeFileSync(file, text, { mode: 0o600 });
    const nats = { host: '127.0.0.1', port: 4222 };
    await writeFleetFiles(join(folder, 'fleet'), {
      ...{ fleet: 'f', nodes: ['a', 'b'], orchestrators: [], nats },
    });
    const at = join(folder, 'fleet', 'a');
    await using server = await startNatsServer({ config: operator.config() });
    await using edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
kernel: { xdp: off }
fleet: { name: f, nodeId: a, nats: ["${server.url}"], auth: { credsFile: ${file} }, signingKey: ${at}/signing.key, trust: ${at}/trust.json }
`);
    const fleet = async () =>
      (await edge.call('GET', '/api/v1/status')).body['fleet'] as Record<string, unknown>;
    await until('connected', async () => (await fleet())['state'] === 'connected');
    // What the permissions in its claims let it do is what it does: nothing of it is refused.
    assert.doesNotMatch(server.log(), /Permissions Violation/);

    const read = parseNatsCredentials(text);
    operator.revoke(read.ok ? read.credentials.user : '');
    await server.kill();
    writeFileSync(join(server.folder, 'nats.conf'), operator.config());
    await server.start();
    await until('it says why', async () =>
      /those of edge-a \(U[A-Z2-7]{55}\) are revoked/.test(String((await fleet())['reason'])),
    );
    const { stdout } = await runCliProcess(['status', '--state', edge.state], { cwd: folder });
    assert.match(stdout, /degraded +fleet.*the server does not take these/);
    rmSync(folder, { recursive: true, force: true });
  });
});
