/** The ways a member is known to a server, each against a real one: as it is configured, and with something wrong. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { FleetAuth, FleetTls } from '#config/fleet-schema.ts';
import { makeUserKey } from '#core/nkey.ts';
import { Bus } from '#fleet/bus.ts';
import { readCredentials, readTls } from '#fleet/credentials.ts';
import { permissionsOf } from '#fleet/server-config.ts';
import { createLog } from '#telemetry/log.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { makeClientAuthority } from '../support/client-authority.ts';
import { NatsOperator } from '../support/nats-operator.ts';
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

const operator = new NatsOperator();
const permissions = permissionsOf('f', { id: 'a', role: 'node', publicKey: '' });
const credentials = {
  right: file('right', operator.credentials('a', permissions)),
  forged: file('forged', operator.credentials('a', permissions, { isForged: true })),
  revoked: file('revoked', operator.credentials('a', permissions, { isRevoked: true })),
  ended: file('ended', operator.credentials('a', permissions, { expiresAtS: 1_700_000_000 })),
};

const ways: readonly (readonly [
  what: string,
  config: string,
  right: FleetAuth,
  wrong: readonly (readonly [FleetAuth, RegExp])[],
])[] = [
  [
    'a token',
    'authorization { token: "s3cret" }',
    { tokenFile: file('token', 's3cret\n') },
    [[{ tokenFile: file('token-wrong', 'other\n') }, /: it has another token$/]],
  ],
  [
    'a user and password',
    'authorization { user: "edge", password: "s3cret" }',
    { user: 'edge', passwordFile: file('password', 's3cret\n') },
    [
      [
        { user: 'edge', passwordFile: file('password-wrong', 'other\n') },
        /: it has no user edge, or another password for it$/,
      ],
    ],
  ],
  [
    'an nkey',
    `authorization { users: [{ nkey: ${member.publicKey} }] }`,
    { nkeyFile: file('nk', `${member.seed}\n`) },
    [
      [
        { nkeyFile: file('nk-wrong', `${stranger.seed}\n`) },
        /: it has no user U[A-Z2-7]{55}, or not/,
      ],
    ],
  ],
  [
    'credentials that an account has signed',
    operator.config(),
    { credsFile: credentials.right },
    [
      [
        { credsFile: credentials.forged },
        /: those of a \(U[A-Z2-7]{55}\) are revoked, or signed by/,
      ],
      [{ credsFile: credentials.revoked }, /: those of a \(U[A-Z2-7]{55}\) are revoked/],
      [
        { credsFile: credentials.ended },
        /: those of a have ended at 2023-11-14T22:13:20\.000Z; put/,
      ],
    ],
  ],
];

function dial(url: string, auth: FleetAuth | undefined, tls?: FleetTls): Bus {
  const bus = new Bus({
    servers: [url],
    ...{ name: 'a', inboxPrefix: '_INBOX_a', log: createLog('silent', 'test') },
    credentials: readCredentials(auth),
    renew: () => readCredentials(auth),
    tls: readTls(tls, [url]),
    limits: { redialMinMs: 10, redialMaxMs: 50 },
  });
  dialled.push(bus);
  bus.open();
  return bus;
}

/** Of the test under way: none goes on dialling where it failed. */
const dialled: Bus[] = [];

describe('a member is known to the server by', { skip: needsNats() }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(async () => {
    for (const bus of dialled.splice(0)) await bus.close();
  });

  for (const [what, config, right, wrong] of ways)
    it(`${what}, and not by a wrong one or none`, async () => {
      await using server = await startNatsServer({ config, jetstream: false });
      const known = dial(server.url, right);
      await until('connected', () => known.state === 'connected');
      await known.close();
      for (const [auth, says] of [...wrong, [undefined, /: none are configured/] as const]) {
        const refused = dial(server.url, auth);
        await until(
          () => `refused: ${refused.reason}`,
          () => says.test(refused.reason ?? ''),
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
      const wrong: readonly (readonly [FleetTls, RegExp])[] = [
        [{ ca: tls.ca }, /^the server asks its clients for a certificate, .*fleet\.tls\.cert \(/],
        [
          { cert: tls.cert, key: tls.key },
          /not from an authority that is known here: .*fleet\.tls\.ca/,
        ],
      ];
      for (const [given, says] of wrong) {
        const refused = dial(url, undefined, given);
        // It tries again; an attempt of which the end comes before the alert says less.
        await until(
          () => `refused: ${refused.reason}`,
          () => says.test(refused.reason ?? ''),
        );
        assert.notEqual(refused.state, 'connected');
        await refused.close();
      }
    });
  });

  it('credentials that are renewed when their own time has ended', async () => {
    const short = new NatsOperator();
    const endsAtS = Math.floor(Date.now() / 1_000) + 4;
    const brief = file('brief', short.credentials('a', permissions, { expiresAtS: endsAtS }));
    await using server = await startNatsServer({ config: short.config(), jetstream: false });
    const known = dial(server.url, { credsFile: brief });
    // It may end before this machine has come to it: told is why, in either case.
    await until(
      () => `ended: ${known.reason}`,
      () => /: those of a have ended at /.test(known.reason ?? ''),
    );
    file('brief', short.credentials('a', permissions));
    await until('connected by the new ones', () => known.state === 'connected');
    await known.close();
  });

  it('no credentials that do not belong together', () => {
    const other = file('other', operator.credentials('a', permissions, { otherSeed: true }));
    assert.throws(() => readCredentials({ credsFile: other }), {
      code: 'FLEET_KEY_UNUSABLE',
      message: /the seed of another user than its JWT is of/,
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
