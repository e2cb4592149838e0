import assert from 'node:assert/strict';
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { developmentCertificateDays } from '../../certs/development-certificate.ts';
import { checkConfig } from '../../src/config/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { directory, made, type Parts, problemsOf } from '../support/config-check.ts';

const tls = (cert: string, key: string): string =>
  `[{ address: "127.0.0.1:8443", tls: { certificates: [{ cert: ${cert}, key: ${key} }] } }]`;

const wrong: readonly (Parts & { readonly why: string; readonly says: RegExp })[] = [
  {
    why: 'a listener that says nothing',
    listeners: '[{ address: "127.0.0.1:8000" }]',
    says: /^F:2:15 edge\.listeners\[0\]: says neither tls, redirect, plaintext nor tcp \(add tls: .* to pass bytes through\)$/,
  },
  {
    why: 'a listener that says two things',
    listeners: '[{ address: "127.0.0.1:8000", plaintext: true, redirect: https }]',
    says: /^F:2:15 edge\.listeners\[0\]: says redirect and plaintext, but a listener does one thing/,
  },
  {
    why: 'a redirect port without redirect',
    listeners: '[{ address: "127.0.0.1:8000", plaintext: true, redirectPort: 8443 }]',
    says: /^F:2:\d+ edge\.listeners\[0\]\.redirectPort: does nothing without redirect/,
  },
  ...[
    'localhost:80',
    '127.0.0.1',
    ':80',
    '127.0.0.1:65536',
    '127.0.0.1:080',
    '::1:80',
    '[127.0.0.1]:80',
    '[::1%lo]:80',
    '127.0.0.1:-1',
  ].map((address) => ({
    why: `the address ${address}`,
    listeners: `[{ address: "${address}", plaintext: true }]`,
    says: /^F:2:\d+ edge\.listeners\[0\]\.address: .* is no address and port \((?:for example "127\.0\.0\.1:8443"|write "0\.0\.0\.0:80")/,
  })),
  {
    why: 'two listeners on one address',
    listeners:
      '[{ address: "[::1]:80", plaintext: true }, { address: "[0::1]:80", plaintext: true }]',
    says: /^F:2:\d+ edge\.listeners\[1\]\.address: \[0::1\]:80 is taken by edge\.listeners\[0\]\.address/,
  },
  {
    why: 'a listener inside another',
    listeners:
      '[{ address: "127.0.0.1:80", plaintext: true }, { address: "0.0.0.0:80", plaintext: true }]',
    says: /edge\.listeners\[1\]\.address: 0\.0\.0\.0:80 is taken by edge\.listeners\[0\]\.address/,
  },
  {
    why: 'a listener on the management address',
    listeners: '[{ address: "0.0.0.0:9999", plaintext: true }]',
    says: /^admin\.address: 127\.0\.0\.1:9999 is taken by edge\.listeners\[0\]\.address/,
  },
  {
    why: 'a management address others reach',
    rest: 'admin: { address: "0.0.0.0:9998" }',
    says: /^F:\d+:\d+ admin\.address: 0\.0\.0\.0:9998 can be reached from other machines, and the management API has no TLS \(use 127/,
  },
  {
    why: 'a trusted proxy that is none',
    edge: 'trustedProxies: [10.0.0.0/33]',
    says: /edge\.trustedProxies\[0\]: "10\.0\.0\.0\/33" is no address or CIDR range/,
  },
  {
    why: 'a trusted proxy with host bits',
    edge: 'trustedProxies: [10.0.0.1/8]',
    says: /edge\.trustedProxies\[0\]: .*\(write 10\.0\.0\.0\/8, or the address alone\)/,
  },
  ...(
    [
      ['https://app', /names no port \(write https:\/\/app:443\)/],
      ['app:80', /is no http:\/\/, https:\/\/ or unix: address/],
      ['unix:run/app.sock', /names no absolute path \(write unix:/],
      [`unix:/${'a'.repeat(107)}`, /names a path longer than a socket can have/],
      ['http://app', /names no port \(write http:\/\/app:80\)/],
      ['http://app:80/', /holds a path \(end it after the port: http:\/\/app:80\)/],
      ['http://app:80?x', /holds a path/],
      ['http://me@app:80', /holds a user name/],
      ['http://::1:80', /holds no host and port/],
      ['http://app:0', /names no port a server can have/],
      ['http://app:70000', /names no port a server can have/],
      ['http://1.2.3:80', /no address or host name/],
      ['http://a b:80', /no address or host name/],
      ['http://[10.0.0.1]:80', /no address or host name/],
      ['http://[::x]:80', /no address or host name/],
    ] as const
  ).map(([url, says]) => ({ why: `the upstream ${url}`, servers: `[{ url: "${url}" }]`, says })),
  {
    why: 'a server named twice',
    servers: '[{ url: "http://app:80" }, { url: "http://APP:80" }]',
    says: /upstreams\.app\.servers\[1\]\.url: .* twice/,
  },
  {
    why: 'a route to no upstream',
    routes: '[{ upstream: ap }]',
    says: /routes\[0\]\.upstream: no upstream is named "ap" \(did you mean app\?\)/,
  },
  {
    why: 'a route to a name every object has',
    routes: '[{ upstream: constructor }]',
    says: /routes\[0\]\.upstream: no upstream is named "constructor"/,
  },
  {
    why: 'a route with unknown rules',
    routes: '[{ upstream: app, waf: { rules: [core] } }]',
    says: /routes\[0\]\.waf\.rules\[0\]: no rules are named "core" \(add it under waf\.rules\)/,
  },
  {
    why: 'rules that run twice',
    routes: '[{ upstream: app, waf: { rules: [own, own] } }]',
    rest: 'waf: { rules: { own: { module: own.wasm } } }',
    says: /routes\[0\]\.waf\.rules\[1\]: own would run twice/,
  },
  {
    why: 'a route that stands twice',
    routes:
      '[{ upstream: app, match: { host: A.example } }, { upstream: app, match: { host: a.example } }]',
    says: /^F:\d+:\d+ routes\[1\]: matches host a\.example and path \/, as routes\[0\] already does/,
  },
  {
    why: 'a route host with a port',
    routes: '[{ upstream: app, match: { host: "a.example:80" } }]',
    says: /routes\[0\]\.match\.host: "a\.example:80" is no host name/,
  },
  {
    why: 'a route host with a star inside',
    routes: '[{ upstream: app, match: { host: "a.*.example" } }]',
    says: /routes\[0\]\.match\.host/,
  },
  {
    why: 'a module that is missing',
    rest: 'waf: { rules: { own: { module: none.wasm } } }',
    says: /waf\.rules\.own\.module: D\/none\.wasm cannot be read: ENOENT/,
  },
  {
    why: 'a module that is a folder',
    rest: 'waf: { rules: { own: { module: certs } } }',
    says: /waf\.rules\.own\.module: D\/certs is no file/,
  },
  {
    why: 'rules that do not ship',
    rest: 'waf: { rules: { own: { module: "builtin:nothing" } } }',
    says: /waf\.rules\.own\.module: no rules named nothing ship with Weir/,
  },
  {
    why: 'rules that climb out of their folder',
    rest: 'waf: { rules: { own: { module: "builtin:../sdk" } } }',
    says: /no rules named \.\.\/sdk ship/,
  },
  {
    why: 'packets inspected by a module nobody has',
    rest: 'kernel: { inspect: { module: other } }\nwaf: { rules: { own: { module: own.wasm } } }',
    says: /kernel\.inspect\.module: no module of waf\.rules is named other \(name one of packets: own\)/,
  },
  {
    why: 'packets inspected by a module of requests',
    rest: 'kernel: { inspect: { module: own } }\nwaf: { rules: { own: { module: "builtin:bad-bot" } } }',
    says: /kernel\.inspect\.module: own looks at requests: it exports no weir_packet/,
  },
  {
    why: 'a redact pattern RE2 has not',
    rest: 'accessLog: { redact: ["(a)(?=b)"] }',
    says: /accessLog\.redact\[0\]: is no RE2 pattern: .*look-around/,
  },
  {
    why: 'a certificate that is missing',
    listeners: tls('certs/no.crt', 'certs/site.key'),
    says: /^F:2:\d+ edge\.listeners\[0\]\.tls\.certificates\[0\]\.cert: D\/certs\/no\.crt cannot be read: ENOENT.*weir cert make/,
  },
  {
    why: 'a key that is missing',
    listeners: tls('certs/site.crt', 'certs/no.key'),
    says: /certificates\[0\]\.key: D\/certs\/no\.key cannot be read: ENOENT.*weir cert make/,
  },
  {
    why: 'a key that is a folder',
    listeners: tls('certs/site.crt', 'certs'),
    says: /certificates\[0\]\.key: D\/certs cannot be read: EISDIR/,
  },
  {
    why: 'a file without a certificate',
    listeners: tls('certs/none.crt', 'certs/site.key'),
    says: /D\/certs\/none\.crt holds no PEM certificate/,
  },
  {
    why: 'a damaged certificate',
    listeners: tls('certs/damaged.crt', 'certs/site.key'),
    says: /D\/certs\/damaged\.crt holds a certificate that does not parse/,
  },
  {
    why: 'the key of another certificate',
    listeners: tls('certs/site.crt', 'certs/other.key'),
    says: /D\/certs\/other\.key is not the key of the certificate in D\/certs\/site\.crt.*weir cert make/,
  },
  {
    why: 'a file without a key',
    listeners: tls('certs/site.crt', 'certs/none.crt'),
    says: /D\/certs\/none\.crt holds no private key/,
  },
  {
    why: 'a key with a passphrase',
    listeners: tls('certs/site.crt', 'certs/locked.key'),
    says: /D\/certs\/locked\.key is locked with a passphrase \(write it without one: openssl pkey/,
  },
];

for (const { why, says, ...parts } of wrong) {
  test(`${why} is refused`, async () => {
    const problems = await problemsOf(parts);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', says);
  });
}

const dayMs = 86_400_000;
test('a certificate is refused from the moment it expires, and before it is valid', async () => {
  const listeners = tls('certs/site.crt', 'certs/site.key');
  assert.deepEqual(await problemsOf({ listeners }, made.notAfter.getTime() - 1), []);
  const [expired] = await problemsOf({ listeners }, made.notAfter.getTime());
  assert.match(expired ?? '', /D\/certs\/site\.crt expired on .*renew it; "weir cert make"/);
  const [early] = await problemsOf(
    { listeners },
    made.notAfter.getTime() - (developmentCertificateDays + 1) * dayMs,
  );
  assert.match(early ?? '', /D\/certs\/site\.crt is not valid before .*clock/);
});

const right: readonly (Parts & { readonly why: string })[] = [
  { why: 'a certificate with its key', listeners: tls('certs/site.crt', 'certs/site.key') },
  {
    why: 'port 0 more than once',
    listeners:
      '[{ address: "127.0.0.1:0", plaintext: true }, { address: "127.0.0.1:0", plaintext: true }]',
    rest: 'admin: { address: "127.0.0.1:0" }',
  },
  {
    why: 'both families on one port',
    listeners:
      '[{ address: "0.0.0.0:8000", plaintext: true }, { address: "[::]:8000", plaintext: true }]',
  },
  { why: 'management on IPv6 loopback', rest: 'admin: { address: "[::1]:9999" }' },
  {
    why: 'servers by name and by address',
    servers:
      '[{ url: "http://app_1.internal:80" }, { url: "http://10.0.0.1:80" }, { url: "http://[fd00::1]:80" }]',
  },
  {
    why: 'routes that differ in path',
    routes:
      '[{ upstream: app }, { upstream: app, match: { path: /a } }, { upstream: app, match: { host: "*.example.org" } }]',
  },
  { why: 'a module of its own', rest: 'waf: { rules: { own: { module: own.wasm } } }' },
  { why: 'no redaction', rest: 'accessLog: { redact: [] }' },
];

for (const { why, ...parts } of right) {
  test(`${why} passes`, async () => assert.deepEqual(await problemsOf(parts), []));
}

test('a wrong value from the environment is not blamed on a line of the file', async () => {
  const [problem] = await problemsOf({ rest: 'admin: { address: "127.0.0.1:9999" }' }, undefined, {
    WEIR_ADMIN_ADDRESS: 'x',
  });
  assert.match(problem ?? '', /^admin\.address: "x" is no address and port/);
});

test('all problems come at once', async () => {
  const problems = await problemsOf({
    listeners: '[{ address: "127.0.0.1:8000" }]',
    servers: '[{ url: x }]',
    routes: '[{ upstream: no }]',
    rest: 'admin: { address: y }',
  });
  assert.equal(problems.length, 4, problems.join('\n'));
});

const examples = fileURLToPath(new URL('../../config/', import.meta.url));
for (const name of readdirSync(examples).filter((file) => file.endsWith('.yaml'))) {
  test(`the example ${name} loads and passes every check`, async () => {
    const file = join(directory, name);
    copyFileSync(join(examples, name), file);
    const loaded = loadConfig({ file, env: {} });
    assert.deepEqual(loaded.ok ? await checkConfig(loaded) : loaded.problems, []);
  });
}
