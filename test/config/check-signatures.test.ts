/** What `weir check` says of signature keys that cannot be used, and of OCI layouts that are not there. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkConfig } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';

const directory = mkdtempSync(join(tmpdir(), 'weir-check-signatures-'));
after(() => rmSync(directory, { recursive: true }));
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString(
  'base64',
);
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
mkdirSync(join(directory, 'layout'));
for (const [name, content] of Object.entries({
  'public.pem': publicKey.export({ type: 'spki', format: 'pem' }),
  'private.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }),
  'elliptic.pem': elliptic.export({ type: 'spki', format: 'pem' }),
  'layout/index.json': '{}',
}))
  writeFileSync(join(directory, name), content);

async function problemsOf(waf: string): Promise<string[]> {
  const file = join(directory, 'weir.yaml');
  writeFileSync(
    file,
    `edge: { listeners: [{ address: "127.0.0.1:8000", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://app:80" }] } }
routes: [{ upstream: app }]
waf: { ${waf} }
`,
  );
  const loaded = loadConfig({ file, env: {} });
  assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
  return (await checkConfig(loaded)).map(({ path, message, fix }) =>
    `${path}: ${message} (${fix})`.replaceAll(directory, 'D'),
  );
}

const keys = (...texts: string[]): string =>
  `signatures: { required: true, keys: [${texts
    .map((text, index) => `{ name: key${index}, publicKey: "${text}" }`)
    .join(', ')}] }`;
const keyHint = '(write what "weir module keygen" prints, or name a PEM file)';

const cases: readonly (readonly [string, string, readonly RegExp[]])[] = [
  ['a key as keygen prints it, and one in a file', keys(raw, 'public.pem'), []],
  [
    'an OCI layout, with a tag and without',
    'rules: { a: { module: "oci:layout" }, b: { module: "oci:layout#v1" } }',
    [],
  ],
  [
    'a file that is not there',
    keys('none.pem'),
    [/^waf\.signatures\.keys\[0\]\.publicKey: is no Ed25519 public key: ENOENT.*D\/none\.pem/],
  ],
  [
    'a private key',
    keys('private.pem'),
    [/D\/private\.pem holds a private key, which belongs to whoever signs/],
  ],
  [
    'another kind of key',
    keys('elliptic.pem'),
    [/D\/elliptic\.pem holds a key of type ec, not Ed25519/],
  ],
  [
    'two keys of one name',
    `signatures: { keys: [{ name: a, publicKey: "${raw}" }, { name: a, publicKey: "${raw}" }] }`,
    [/^waf\.signatures\.keys\[1\]\.name: there are two keys named a/],
  ],
  [
    'a requirement nobody can meet',
    'signatures: { required: true }',
    [/^waf\.signatures\.required: no module could be loaded: there are no keys/],
  ],
  [
    'an OCI layout that is not there',
    'rules: { a: { module: "oci:nowhere#v1" } }',
    [
      /^waf\.rules\.a\.module: D\/nowhere\/index\.json cannot be read: .*name the folder of an OCI image layout/,
    ],
  ],
];
for (const [name, waf, says] of cases) {
  test(`${name} ${says.length === 0 ? 'is in order' : 'is a problem'}`, async () => {
    const problems = await problemsOf(waf);
    assert.equal(problems.length, says.length, problems.join('\n'));
    for (const [index, pattern] of says.entries()) assert.match(problems[index] ?? '', pattern);
    if (says.length > 0 && waf.includes('.pem')) assert.ok(problems[0]?.endsWith(keyHint));
  });
}
