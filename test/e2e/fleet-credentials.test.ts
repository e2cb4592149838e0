/** A shipped edge in a fleet, by each way a NATS server knows its members; and what it says when they count no more. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseNatsCredentials } from '#core/nats-credentials.ts';
import { makeUserKey } from '#core/nkey.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { permissionsOf } from '#fleet/server-config.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { makeClientAuthority } from '../support/client-authority.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { NatsOperator } from '../support/nats-operator.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

/** A member of a fleet of two; `terms` are the lines of `fleet` that say where the server is and who this is. */
async function edgeIn(folder: string, terms: string) {
  const keys = mkdtempSync(join(folder, 'fleet-'));
  await writeFleetFiles(join(keys, 'fleet'), {
    ...{ fleet: 'f', nodes: ['a', 'b'], orchestrators: [] },
    nats: { host: '127.0.0.1', port: 4222 },
  });
  const at = join(keys, 'fleet', 'a');
  const edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
kernel: { xdp: off }
fleet: { name: f, nodeId: a, signingKey: ${at}/signing.key, trust: ${at}/trust.json, ${terms} }
`);
  const fleet = async () =>
    (await edge.call('GET', '/api/v1/status')).body['fleet'] as Record<string, unknown>;
  return { edge, fleet };
}

describe('an edge is in its fleet by', { skip: needsNats() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ways-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const user = makeUserKey();
  const ways: readonly (readonly [what: string, config: string, terms: string])[] = [
    [
      'a token',
      'authorization { token: "s3cret" }',
      `auth: { tokenFile: ${file('token', 's3cret\n')} }`,
    ],
    [
      'a user and a password',
      'authorization { user: "edge", password: "s3cret" }',
      `auth: { user: edge, passwordFile: ${file('password', 's3cret\n')} }`,
    ],
    [
      'an nkey',
      `authorization { users: [{ nkey: ${user.publicKey} }] }`,
      `auth: { nkeyFile: ${file('nkey', `${user.seed}\n`)} }`,
    ],
  ];
  for (const [what, config, terms] of ways)
    it(what, async () => {
      await using server = await startNatsServer({ config });
      // The first of the servers is not there: it goes on to the next.
      const servers = `nats: ["nats://127.0.0.1:9", "${server.url}"]`;
      const { edge, fleet } = await edgeIn(folder, `${servers}, ${terms}`);
      await using _ = edge;
      await until('connected', async () => (await fleet())['state'] === 'connected');
    });

  it('a certificate, of a server it knows by one', async () => {
    const site = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);
    const authority = await makeClientAuthority();
    const client = await authority.issue('CN=edge');
    const cert = file('server.crt', site.certificate);
    const tls = `cert_file: "${cert}", key_file: "${file('server.key', site.privateKey)}"`;
    const clients = `ca_file: "${file('clients.pem', authority.certificate)}", verify: true`;
    await using server = await startNatsServer({ config: `tls { ${tls}, ${clients} }` });
    const own = `cert: ${file('a.crt', client.cert)}, key: ${file('a.key', client.key)}`;
    const { edge, fleet } = await edgeIn(
      folder,
      `nats: ["${server.url.replace('nats:', 'tls:')}"], tls: { ca: ${cert}, ${own} }`,
    );
    await using _ = edge;
    await until('connected', async () => (await fleet())['state'] === 'connected');
  });
});

describe('an edge with credentials of NATS', { skip: needsNats() }, () => {
  it('is in its fleet by them, and its status says when they are revoked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-creds-'));
    const operator = new NatsOperator();
    const permissions = permissionsOf('f', { id: 'a', role: 'node', publicKey: '' });
    const text = operator.credentials('edge-a', permissions);
    const file = join(folder, 'a.creds');
    writeFileSync(file, text, { mode: 0o600 });
    await using server = await startNatsServer({ config: operator.config() });
    const { edge, fleet } = await edgeIn(
      folder,
      `nats: ["${server.url}"], auth: { credsFile: ${file} }`,
    );
    await using _ = edge;
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
