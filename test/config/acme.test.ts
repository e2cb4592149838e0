import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAcmeSettings } from '#acme/acme-settings.ts';
import { allProblems } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import { formatProblem } from '#config/problem.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-acme-config-'));
after(() => rmSync(folder, { recursive: true }));
const made = await makeDevelopmentCertificate(['localhost']);
writeFileSync(join(folder, 'site.crt'), made.certificate);
writeFileSync(join(folder, 'site.key'), made.privateKey);
writeFileSync(join(folder, 'hmac.key'), `${Buffer.from('0123456789').toString('base64url')}\n`);
writeFileSync(join(folder, 'odd.key'), 'not base64url!');

type Parts = {
  readonly certificates?: string;
  readonly acme?: string;
  readonly more?: string;
};

const good = 'acme: { directory: "https://ca.test/directory", agreeToTerms: true }';

function load({ certificates, acme = good, more = '' }: Parts) {
  const file = join(folder, 'weir.yaml');
  writeFileSync(
    file,
    `edge:
  listeners:
    - { address: "127.0.0.1:8443", tls: { certificates: ${certificates ?? '[{ acme: [example.org] }]'} } }
    ${more}
upstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }
routes: [{ upstream: app }]
${acme}
`,
  );
  return loadConfig({ file, env: {} });
}

async function problemsOf(parts: Parts): Promise<string[]> {
  const problems = await allProblems(load(parts));
  return problems.map((one) => formatProblem(one, 'F').replaceAll(folder, 'D'));
}

const withAcme = (text: string) =>
  `acme: { directory: "https://ca.test/directory", agreeToTerms: true, ${text} }`;

const wrong: readonly (Parts & { readonly why: string; readonly says: RegExp })[] = [
  {
    why: 'names without an acme section',
    acme: '',
    says: /certificates\[0\]\.acme: asks for a certificate by ACME, and there is no acme section .*add acme: \{ directory/,
  },
  {
    why: 'terms nobody agreed to',
    acme: 'acme: { directory: "https://ca.test/directory" }',
    says: /acme\.agreeToTerms: certificates from https:\/\/ca\.test\/directory need your agreement .*set agreeToTerms: true/,
  },
  {
    why: 'a directory without TLS',
    acme: 'acme: { directory: "http://ca.test/directory", agreeToTerms: true }',
    says: /acme\.directory: must be/,
  },
  {
    why: 'a wildcard',
    certificates: '[{ acme: ["*.example.org"] }]',
    says: /acme\[0\]: \*\.example\.org is proved by DNS alone/,
  },
  {
    why: 'an address',
    certificates: '[{ acme: ["192.0.2.1"] }]',
    says: /acme\[0\]: 192\.0\.2\.1 is an address/,
  },
  ...[
    'localhost',
    'Example.org',
    'exa mple.org',
    '-a.example.org',
    'a..example.org',
    'bücher.de',
  ].map((name) => ({
    why: `the name ${name}`,
    certificates: `[{ acme: ["${name}"] }]`,
    says: /acme\[0\]: ".*" is no host name an authority can reach/,
  })),
  {
    why: 'a name twice in one list',
    certificates: '[{ acme: [example.org, example.org] }]',
    says: /acme\[1\]: example\.org stands in the list twice/,
  },
  {
    why: 'a name in two lists',
    certificates: '[{ acme: [example.org] }, { acme: [example.org, www.example.org] }]',
    says: /certificates\[1\]\.acme\[0\]: example\.org is in edge\.listeners\[0\]\.tls\.certificates\[0\]\.acme too/,
  },
  {
    why: 'names and files in one entry',
    certificates: '[{ acme: [example.org], cert: site.crt, key: site.key }]',
    says: /certificates\[0\]\.cert: does not go with acme/,
  },
  {
    why: 'neither names nor files',
    certificates: '[{}]',
    says: /certificates\[0\]: says neither where the certificate lies nor from whom to get one/,
  },
  {
    why: 'a certificate without its key',
    certificates: '[{ cert: site.crt }]',
    says: /certificates\[0\]: has a cert and no key \(give cert: FILE and key: FILE, or acme: \[NAME\]\)/,
  },
  {
    why: 'http-01 without a listener that takes it',
    acme: withAcme('challenge: http-01'),
    says: /acme\.challenge: http-01 comes in without TLS, and no listener takes that/,
  },
  {
    why: 'a root that is not there',
    acme: withAcme('ca: none.pem'),
    says: /acme\.ca: D\/none\.pem cannot be read/,
  },
  {
    why: 'a root that is no certificate',
    acme: withAcme('ca: site.key'),
    says: /acme\.ca: D\/site\.key holds no PEM certificate/,
  },
  {
    why: 'an address that is none',
    acme: withAcme('email: "a,b@example.org"'),
    says: /acme\.email: must be/,
  },
  {
    why: 'an external account without a key',
    acme: withAcme('externalAccount: { keyId: k }'),
    says: /acme\.externalAccount: needs the key from one place/,
  },
  {
    why: 'an external account with two keys',
    acme: withAcme('externalAccount: { keyId: k, hmacKeyFile: hmac.key, hmacKeyVariable: EAB }'),
    says: /acme\.externalAccount: needs the key from one place/,
  },
  {
    why: 'an external account whose key is not base64url',
    acme: withAcme('externalAccount: { keyId: k, hmacKeyFile: odd.key }'),
    says: /hmacKeyFile: D\/odd\.key holds no key in base64url/,
  },
  {
    why: 'an external account whose variable is not set',
    acme: withAcme('externalAccount: { keyId: k, hmacKeyVariable: WE_HAVE_NO_SUCH_KEY }'),
    says: /hmacKeyVariable: the environment variable WE_HAVE_NO_SUCH_KEY is not set/,
  },
];

for (const { why, says, ...parts } of wrong) {
  test(`${why} is refused with its place and the way out`, async () => {
    const problems = await problemsOf(parts);
    assert.ok(
      problems.some((problem) => says.test(problem)),
      problems.join('\n'),
    );
  });
}

for (const [why, parts] of [
  ['one list of names', {}],
  [
    'names beside files',
    { certificates: '[{ acme: [example.org] }, { cert: site.crt, key: site.key }]' },
  ],
  [
    'one list on two listeners',
    { more: '- { address: "[::1]:8443", tls: { certificates: [{ acme: [example.org] }] } }' },
  ],
  [
    'http-01 with a listener that redirects',
    {
      acme: withAcme('challenge: http-01'),
      more: '- { address: "127.0.0.1:8080", redirect: https }',
    },
  ],
  [
    'an external account and a root',
    { acme: withAcme('ca: site.crt, externalAccount: { keyId: k, hmacKeyFile: hmac.key }') },
  ],
  ['no names at all', { certificates: '[{ cert: site.crt, key: site.key }]' }],
] as const) {
  test(`${why} is fine`, async () => assert.deepEqual(await problemsOf(parts), []));
}

test('what the client runs with: files read, challenges in the order they are tried', async () => {
  const read = async (acme: string, servesHttp: boolean, env: Record<string, string> = {}) => {
    const loaded = load({ acme });
    assert.ok(loaded.ok);
    assert.ok(loaded.config.acme);
    return readAcmeSettings(loaded.config.acme, servesHttp, env);
  };
  const auto = await read(good, true);
  assert.deepEqual(auto, {
    directory: 'https://ca.test/directory',
    email: null,
    agreeToTerms: true,
    ca: null,
    accountKey: 'ES256',
    external: null,
    challenges: ['tls-alpn-01', 'http-01'],
  });
  assert.deepEqual((await read(good, false)).challenges, ['tls-alpn-01']);
  assert.deepEqual((await read(withAcme('challenge: http-01'), true)).challenges, ['http-01']);
  const file = await read(withAcme('externalAccount: { keyId: k, hmacKeyFile: hmac.key }'), true);
  assert.deepEqual(file.external, { keyId: 'k', hmacKey: Buffer.from('0123456789') });
  const variable = withAcme('externalAccount: { keyId: k, hmacKeyVariable: EAB }');
  assert.deepEqual((await read(variable, true, { EAB: 'c2VjcmV0' })).external, {
    keyId: 'k',
    hmacKey: Buffer.from('secret'),
  });
  await assert.rejects(read(variable, true), /EAB is not set/);
});
