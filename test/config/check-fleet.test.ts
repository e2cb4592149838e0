/** What `weir check` says of a fleet section that cannot work. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { makeUserKey } from '#core/nkey.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { directory, problemsOf } from '../support/config-check.ts';
import { NatsOperator } from '../support/nats-operator.ts';

const section = (change: Record<string, string | null> = {}): string => {
  const keys: Record<string, string | null> = {
    ...{ name: 'shop', nodeId: 'a', nats: '["nats://127.0.0.1:4222"]' },
    ...{ auth: '{ nkeyFile: fleet/a/nats.nk }', signingKey: 'fleet/a/signing.key' },
    ...{ trust: 'fleet/trust.json', ...change },
  };
  const text = Object.entries(keys).flatMap(([key, value]) =>
    value === null ? [] : [`${key}: ${value}`],
  );
  return `fleet: { ${text.join(', ')} }`;
};

const cases: readonly (readonly [string, Record<string, string | null>, RegExp | null])[] = [
  ['as it was made', {}, null],
  ['without a way to be known', { auth: null }, null],
  [
    'with two ways at once',
    { auth: '{ nkeyFile: fleet/a/nats.nk, tokenFile: fleet/a/nats.nk }' },
    /fleet\.auth: says 2 ways at once \(give one of nkeyFile/,
  ],
  [
    'with a user and no password',
    { auth: '{ user: me }' },
    /fleet\.auth: user and passwordFile go together/,
  ],
  [
    'with a key file that is not there',
    { auth: '{ nkeyFile: gone.nk }' },
    /fleet\.auth\.nkeyFile: D\/gone\.nk cannot be read: ENOENT/,
  ],
  [
    'with a file that is no nkey',
    { auth: '{ nkeyFile: fleet/a/signing.key }' },
    /holds no seed of an nkey user \(it is one line that begins with SU/,
  ],
  [
    'with a key others can read',
    { auth: '{ nkeyFile: open.nk }' },
    /fleet\.auth\.nkeyFile: D\/open\.nk can be read by others than its owner \(chmod 600 D\/open\.nk\)/,
  ],
  [
    'with a signing key others can read',
    { signingKey: 'open.key' },
    /fleet\.signingKey: D\/open\.key can be read by others/,
  ],
  [
    'with the signing key of another',
    { signingKey: 'fleet/b/signing.key' },
    /is not the key the trust file has for a/,
  ],
  [
    'with a signing key of another kind',
    { signingKey: 'elliptic.key' },
    /holds a key of another kind \(ec\)/,
  ],
  [
    'with a signing key that is none',
    { signingKey: 'fleet/a/nats.nk' },
    /holds no private key in PEM/,
  ],
  [
    'with a trust file that is not there',
    { trust: 'gone.json' },
    /fleet\.trust: the trust file D\/gone\.json cannot be read/,
  ],
  [
    'with a trust file that is none',
    { trust: 'own.wasm' },
    /fleet\.trust: D\/own\.wasm is no trust file/,
  ],
  [
    'as another fleet',
    { name: 'other' },
    /fleet\.name: is other, and D\/fleet\/trust\.json is of the fleet shop/,
  ],
  [
    'as nobody of it',
    { nodeId: 'z' },
    /fleet\.nodeId: z is no member in D\/fleet\/trust\.json \(it has a, b, orchestrator\)/,
  ],
  [
    'as an orchestrator of it',
    { nodeId: 'orchestrator' },
    /fleet\.nodeId: orchestrator is an orchestrator in D\/fleet\/trust\.json, and this is the configuration of an edge \(name one of a, b, or make one/,
  ],
  [
    'with a server twice',
    { nats: '["nats://a:4222", "nats://a:4222"]' },
    /fleet\.nats\[1\]: nats:\/\/a:4222 is there twice/,
  ],
  [
    'with a port that is none',
    { nats: '["nats://a:99999"]', advertise: '"10.0.0.1:0"' },
    /fleet\.nats\[0\]: nats:\/\/a:99999 has no port(.*\n)*.*fleet\.advertise: 10\.0\.0\.1:0 has no port|fleet\.advertise(.*\n)*.*fleet\.nats\[0\]/,
  ],
  ['with credentials', { auth: '{ credsFile: right.creds }' }, null],
  [
    'with credentials that have ended',
    { auth: '{ credsFile: ended.creds }' },
    /credsFile: D\/ended\.creds has the credentials of a until 2023-11-14T22:13:20\.000Z, which is over/,
  ],
  [
    'with credentials and the seed of another',
    { auth: '{ credsFile: other.creds }' },
    /credsFile: D\/other\.creds holds the seed of another user than its JWT is of/,
  ],
  [
    'with credentials that are a key',
    { auth: '{ credsFile: fleet/a/nats.nk }' },
    /nats\.nk has no part "BEGIN NATS USER JWT"/,
  ],
  [
    'with a slip in the seed',
    { auth: '{ nkeyFile: slip.nk }' },
    /holds no seed of an nkey user \(it is one line that begins with SU, unchanged/,
  ],
  [
    'with a token file that is empty',
    { auth: '{ tokenFile: empty }' },
    /fleet\.auth\.tokenFile: D\/empty is empty/,
  ],
  [
    'with the key of another certificate',
    { tls: '{ cert: certs/site.crt, key: open.600 }' },
    /fleet\.tls\.key: D\/open\.600 is not the key of the certificate/,
  ],
  [
    'with a range that is none',
    { neverBlock: '[10.0.0.0/33]' },
    /fleet\.neverBlock\[0\]: "10\.0\.0\.0\/33" is neither an address nor a CIDR range/,
  ],
  [
    'with half a certificate',
    { tls: '{ cert: certs/site.crt }' },
    /fleet\.tls: cert and key go together/,
  ],
  [
    'with an authority that is none',
    { tls: '{ ca: certs/none.crt }' },
    /fleet\.tls\.ca: D\/certs\/none\.crt holds no PEM certificate/,
  ],
];

describe('a fleet section', () => {
  before(async () => {
    await writeFleetFiles(join(directory, 'fleet'), {
      ...{ fleet: 'shop', nodes: ['a', 'b'], orchestrators: ['orchestrator'] },
      nats: { host: '127.0.0.1', port: 4222 },
    });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const [name, mode] of [
      ['open.nk', 0o640],
      ['open.key', 0o604],
      ['elliptic.key', 0o600],
    ] as const) {
      writeFileSync(join(directory, name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      chmodSync(join(directory, name), mode);
    }
    chmodSync(join(directory, 'certs/site.key'), 0o600);
    const operator = new NatsOperator();
    const nothing = { publish: [], subscribe: [] };
    const { seed } = makeUserKey();
    const middle = seed[30] === 'A' ? 'B' : 'A';
    for (const [name, content] of [
      ['right.creds', operator.credentials('a', nothing)],
      ['ended.creds', operator.credentials('a', nothing, { expiresAtS: 1_700_000_000 })],
      ['other.creds', operator.credentials('a', nothing, { otherSeed: true })],
      ['slip.nk', `${seed.slice(0, 30)}${middle}${seed.slice(31)}\n`],
      ['empty', '\n'],
      ['open.600', privateKey.export({ type: 'pkcs8', format: 'pem' })],
    ] as const)
      writeFileSync(join(directory, name), content, { mode: 0o600 });
  });

  for (const [what, change, expected] of cases) {
    it(expected === null ? `is well ${what}` : `is told apart ${what}`, async () => {
      const problems = await problemsOf({ rest: section(change) });
      if (expected === null) assert.deepEqual(problems, []);
      else assert.match(problems.join('\n'), expected);
    });
  }
});
