/** What `weir check` says of a fleet section that cannot work. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { directory, problemsOf } from '../support/config-check.ts';

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
  });

  for (const [what, change, expected] of cases) {
    it(expected === null ? `is well ${what}` : `is told apart ${what}`, async () => {
      const problems = await problemsOf({ rest: section(change) });
      if (expected === null) assert.deepEqual(problems, []);
      else assert.match(problems.join('\n'), expected);
    });
  }
});
