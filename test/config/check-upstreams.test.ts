/** What `weir check` says of upstreams whose settings do not fit together or whose files cannot be used. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { checkConfig } from '../../src/config/check.ts';
import { loadConfig } from '../../src/config/load.ts';

const directory = mkdtempSync(join(tmpdir(), 'weir-check-upstreams-'));
after(() => rmSync(directory, { recursive: true }));
const made = await makeDevelopmentCertificate(['localhost']);
const other = await makeDevelopmentCertificate(['localhost']);
for (const [name, content] of Object.entries({
  'site.crt': made.certificate,
  'site.key': made.privateKey,
  'other.key': other.privateKey,
  'none.crt': 'no certificate\n',
}))
  writeFileSync(join(directory, name), content);

async function problemsOf(upstream: string): Promise<string[]> {
  const file = join(directory, 'weir.yaml');
  writeFileSync(
    file,
    `edge: { listeners: [{ address: "127.0.0.1:8000", plaintext: true }] }
upstreams:
  app: { ${upstream} }
routes: [{ upstream: app }]
`,
  );
  const loaded = loadConfig({ file, env: {} });
  assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
  return (await checkConfig(loaded)).map(({ path, message, fix }) =>
    `${path}: ${message} (${fix})`.replaceAll(directory, 'D'),
  );
}

const http = 'servers: [{ url: "http://app:80" }]';
const https = 'servers: [{ url: "https://app:443" }]';

for (const upstream of [
  http,
  `${https}, tls: { ca: site.crt, cert: site.crt, key: site.key, serverName: app.internal }`,
  'servers: [{ url: "unix:/run/app.sock", weight: 3 }, { url: "http://[::1]:80" }], host: upstream',
  `${http}, protocol: http2, balance: ip-hash, health: { path: "/up?x=1", expect: ["200-204", "404"] }`,
]) {
  test(`nothing is wrong with ${upstream}`, async () => {
    assert.deepEqual(await problemsOf(upstream), []);
  });
}

const wrong = [
  [http, 'tls: { verify: true }', /upstreams\.app\.tls: does nothing without an https/],
  [http, 'host: "a b"', /upstreams\.app\.host: "a b" is no host/],
  [http, 'health: { path: "/a b" }', /upstreams\.app\.health\.path: holds a blank/],
  [http, 'health: { path: /, host: "a/b" }', /health\.host: "a\/b" is no host/],
  [http, 'health: { path: /, expect: ["300-200"] }', /expect\[0\]: 300-200 .*write 200-300/],
  [http, 'health: { path: /, intervalMs: 10, timeoutMs: 11 }', /timeoutMs: 11 is longer .* \(10\)/],
  [https, 'tls: { ca: none.crt }', /tls\.ca: D\/none\.crt holds no PEM certificate/],
  [https, 'tls: { ca: absent.crt }', /tls\.ca: D\/absent\.crt cannot be read as certificates/],
  [https, 'tls: { ca: site.crt, verify: false }', /tls\.ca: does nothing with verify: false/],
  [https, 'tls: { cert: site.crt }', /tls\.cert: stands without key/],
  [https, 'tls: { key: site.key }', /tls\.key: stands without cert/],
  [https, 'tls: { cert: site.crt, key: other.key }', /tls\.key: .* is not the key of/],
  [https, 'tls: { serverName: "a:1" }', /tls\.serverName: "a:1" is no host name/],
] as const;
for (const [servers, keys, says] of wrong) {
  test(`an upstream with ${keys} is refused`, async () => {
    const problems = await problemsOf(`${servers}, ${keys}`);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', says);
  });
}
