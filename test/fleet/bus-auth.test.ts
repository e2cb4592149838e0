/** The ways a member is known to a server, each against a real one: as it is configured, and with something wrong. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FleetAuth, FleetTls } from '#config/fleet-schema.ts';
import { Bus } from '#fleet/bus.ts';
import { readCredentials, readTls } from '#fleet/credentials.ts';
import { makeUserKey } from '#fleet/nkey.ts';
import { createLog } from '#telemetry/log.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { makeClientAuthority } from '../support/client-authority.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-auth-'));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
const member = makeUserKey();
const stranger = makeUserKey();

const ways: readonly (readonly [
  what: string,
  config: string,
  right: FleetAuth,
  wrong: FleetAuth,
])[] = [
  [
    'a token',
    'authorization { token: "s3cret" }',
    { tokenFile: file('token', 's3cret\n') },
    { tokenFile: file('token-wrong', 'other\n') },
  ],
  [
    'a user and password',
    'authorization { user: "edge", password: "s3cret" }',
    { user: 'edge', passwordFile: file('password', 's3cret\n') },
    { user: 'edge', passwordFile: file('password-wrong', 'other\n') },
  ],
  [
    'an nkey',
    `authorization { users: [{ nkey: ${member.publicKey} }] }`,
    { nkeyFile: file('nk', `${member.seed}\n`) },
    { nkeyFile: file('nk-wrong', `${stranger.seed}\n`) },
  ],
];

function dial(url: string, auth: FleetAuth | undefined, tls?: FleetTls): Bus {
  const bus = new Bus({
    servers: [url],
    ...{ name: 'a', inboxPrefix: '_INBOX_a', log: createLog('silent', 'test') },
    credentials: readCredentials(auth),
    tls: readTls(tls, [url]),
    limits: { redialMinMs: 10, redialMaxMs: 50 },
  });
  bus.open();
  return bus;
}

describe('a member is known to the server by', { skip: needsNats() }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, config, right, wrong] of ways)
    it(`${what}, and not by a wrong one or none`, async () => {
      await using server = await startNatsServer({ config, jetstream: false });
      const known = dial(server.url, right);
      await until('connected', () => known.state === 'connected');
      await known.close();
      for (const auth of [wrong, undefined]) {
        const refused = dial(server.url, auth);
        await until(
          () => `refused: ${refused.reason}`,
          () => refused.reason === 'the server does not take these credentials',
        );
        assert.equal(refused.state, 'reconnecting');
        await refused.close();
      }
    });

  describe('TLS', () => {
    let config = '';
    let tls: Required<FleetTls>;
    before(async () => {
      const site = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);
      const authority = await makeClientAuthority();
      const client = await authority.issue('CN=edge');
      const cert = file('server.crt', site.certificate);
      const key = file('server.key', site.privateKey);
      const clients = file('clients.pem', authority.certificate);
      config = `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${clients}", verify: true }`;
      tls = {
        ca: cert,
        cert: file('client.crt', client.cert),
        key: file('client.key', client.key),
      };
    });

    it('with a certificate of its own, where the server’s is one it trusts', async () => {
      await using server = await startNatsServer({ config, jetstream: false });
      const url = server.url.replace('nats:', 'tls:');
      const known = dial(url, undefined, tls);
      await until(
        () => `connected: ${known.reason}`,
        () => known.state === 'connected',
      );
      await known.close();
      const wrong: readonly FleetTls[] = [{ ca: tls.ca }, { cert: tls.cert, key: tls.key }];
      for (const given of wrong) {
        const refused = dial(url, undefined, given);
        await until('tried', () => refused.reason !== 'not connected yet');
        assert.notEqual(refused.state, 'connected');
        await refused.close();
      }
    });
  });

  it('nothing that others can read', () => {
    const open = join(folder, 'open');
    writeFileSync(open, 's3cret', { mode: 0o644 });
    assert.throws(() => readCredentials({ tokenFile: open }), {
      code: 'FLEET_KEY_UNUSABLE',
      message: /chmod 600/,
    });
    assert.equal(readFileSync(open, 'utf8'), 's3cret');
  });
});
