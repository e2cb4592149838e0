/** What is wrong with a listener, in words that say what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Parts, problemsOf } from '../support/config-check.ts';

const tlsRows: readonly [name: string, settings: string, expected: readonly string[]][] = [
  [
    'versions and names that fit',
    'minVersion: "1.2", ciphers: [TLS_AES_128_GCM_SHA256, ECDHE-ECDSA-AES128-GCM-SHA256], curves: [X25519]',
    [],
  ],
  [
    'TLS 1.3 alone needs no suite for 1.2',
    'minVersion: "1.3", ciphers: [TLS_AES_128_GCM_SHA256]',
    [],
  ],
  [
    'a cipher suite that is misspelt',
    'ciphers: [TLS_AES_128_GCM_SHA265, ECDHE-RSA-AES128-GCM-SHA256]',
    [
      'ciphers[0]: "TLS_AES_128_GCM_SHA265" is no cipher suite Weir knows (did you mean TLS_AES_128_GCM_SHA256?)',
    ],
  ],
  [
    'a cipher suite without forward secrecy',
    'ciphers: [TLS_AES_128_GCM_SHA256, ECDHE-RSA-AES128-GCM-SHA256, AES128-GCM-SHA256]',
    ['ciphers[2]: AES128-GCM-SHA256 gives no forward secrecy or needs keys Weir does not have'],
  ],
  [
    'a version without a suite',
    'ciphers: [TLS_AES_128_GCM_SHA256]',
    ['ciphers: names no suite for TLS 1.2, which the versions allow'],
  ],
  [
    'versions the wrong way round',
    'minVersion: "1.3", maxVersion: "1.2"',
    ['maxVersion: is older than minVersion'],
  ],
  [
    'a group nobody knows',
    'curves: [X25519, P-265]',
    ['curves[1]: "P-265" is no key exchange group Weir knows (did you mean P-256?)'],
  ],
  [
    'client certificates without authorities',
    'clientCertificates: { mode: required }',
    ['clientCertificates: mode required needs to know'],
  ],
  [
    'authorities for nothing',
    'clientCertificates: { ca: certs/site.crt }',
    ['clientCertificates.ca: does nothing with mode: off'],
  ],
  [
    'an authority that is none',
    'clientCertificates: { mode: optional, ca: certs/site.crt }',
    [
      'clientCertificates.ca: ' +
        'D/certs/site.crt' +
        ' holds a certificate that is no authority (O=Weir development certificate)',
    ],
  ],
];
for (const [name, settings, expected] of tlsRows) {
  test(`tls: ${name}`, async () => {
    const found = await problemsOf({
      listeners: `[{ address: "127.0.0.1:8443", tls: { certificates: [{ cert: certs/site.crt, key: certs/site.key }], ${settings} } }]`,
    });
    const at = 'edge.listeners[0].tls.';
    const lines = found.map((line) => line.slice(line.indexOf(at) + at.length));
    assert.equal(lines.length, expected.length, lines.join('\n'));
    for (const [index, text] of expected.entries())
      assert.ok(lines[index]?.startsWith(text), `${lines[index]} begins with ${text}`);
  });
}

test('tls: a certificate all of whose names are taken is never shown', async () => {
  const found = await problemsOf({
    listeners: `[{ address: "127.0.0.1:8443", tls: { certificates: [{ cert: certs/site.crt, key: certs/site.key }, { cert: certs/other.crt, key: certs/other.key }] } }]`,
  });
  assert.equal(found.length, 1);
  assert.match(
    found[0] ?? '',
    /certificates\[1\]\.cert: .* is never shown: localhost is in certificates\[0\] already/,
  );
});

const listenerRows: readonly (Parts & { readonly why: string; readonly says: RegExp })[] = [
  {
    why: 'aliases where nothing goes on',
    listeners: '[{ address: "127.0.0.1:8000", redirect: https, headerAliases: keep }]',
    says: /edge\.listeners\[0\]\.headerAliases: does nothing where no request goes on/,
  },
  {
    why: 'tunnels where nothing goes on',
    listeners: '[{ address: "127.0.0.1:8000", redirect: https, connect: tunnel }]',
    says: /edge\.listeners\[0\]\.connect: does nothing where no request goes on/,
  },
  {
    why: 'old clients where no rules run',
    listeners: '[{ address: "127.0.0.1:8000", redirect: https, withoutVersion: close }]',
    says: /edge\.listeners\[0\]\.withoutVersion: does nothing where no rules run/,
  },
  {
    why: 'framing where nothing is read',
    listeners: '[{ address: "127.0.0.1:8000", tcp: { upstream: app }, lengthWithChunked: drop }]',
    says: /edge\.listeners\[0\]\.lengthWithChunked: does nothing where bytes pass/,
  },
  {
    why: 'tcp to an upstream nobody knows',
    listeners: '[{ address: "127.0.0.1:8000", tcp: { upstream: ap } }]',
    says: /edge\.listeners\[0\]\.tcp\.upstream: no upstream is named ap \(did you mean app\?\)$/,
  },
  {
    why: 'a PROXY header inside TLS',
    listeners: '[{ address: "127.0.0.1:8000", tcp: { upstream: app, sendProxyProtocol: v2 } }]',
    servers: '[{ url: "https://127.0.0.1:8081" }]',
    says: /edge\.listeners\[0\]\.tcp\.sendProxyProtocol: would stand inside the TLS/,
  },
  {
    why: 'tcp beside plaintext',
    listeners: '[{ address: "127.0.0.1:8000", plaintext: true, tcp: { upstream: app } }]',
    says: /edge\.listeners\[0\]: says plaintext and tcp, but a listener does one thing/,
  },
  {
    why: 'a PROXY header from what is no range',
    listeners:
      '[{ address: "127.0.0.1:8000", plaintext: true, proxyProtocol: { from: [10.0.0.0/33] } }]',
    says: /edge\.listeners\[0\]\.proxyProtocol\.from\[0\]: "10\.0\.0\.0\/33" is no address or CIDR range/,
  },
  {
    why: 'an address nobody is believed to say',
    listeners:
      '[{ address: "127.0.0.1:8000", plaintext: true, clientAddress: { header: Forwarded } }]',
    says: /edge\.listeners\[0\]\.clientAddress: is believed from edge\.trustedProxies only, and there are none/,
  },
  {
    why: 'hops in a field of one address',
    listeners:
      '[{ address: "127.0.0.1:8000", plaintext: true, clientAddress: { header: CF-Connecting-IP, hops: 2 } }]',
    edge: 'trustedProxies: [10.0.0.0/8]',
    says: /edge\.listeners\[0\]\.clientAddress\.hops: CF-Connecting-IP holds one address/,
  },
  {
    why: 'an address rule where no requests are served',
    listeners:
      '[{ address: "127.0.0.1:8000", tcp: { upstream: app }, clientAddress: { header: Forwarded } }]',
    edge: 'trustedProxies: [10.0.0.0/8]',
    says: /edge\.listeners\[0\]\.clientAddress: does nothing on a listener that serves no requests/,
  },
  {
    why: 'unlimited addresses that are none',
    edge: 'limits: { unlimitedAddresses: [localhost] }',
    says: /edge\.limits\.unlimitedAddresses\[0\]: "localhost" is no address or CIDR range/,
  },
  {
    why: 'an OCSP response that is none',
    listeners:
      '[{ address: "127.0.0.1:8443", tls: { certificates: [{ cert: certs/site.crt, key: certs/site.key, ocsp: certs/none.crt }] } }]',
    says: /tls\.certificates\[0\]\.ocsp: D\/certs\/none\.crt does not parse: .* \(fetch it anew\)$/,
  },
  {
    why: 'stapling for a certificate without a responder',
    listeners:
      '[{ address: "127.0.0.1:8443", tls: { ocspStapling: true, certificates: [{ cert: certs/site.crt, key: certs/site.key }] } }]',
    says: /tls\.certificates\[0\]\.cert: names no OCSP responder, so nothing can be stapled/,
  },
];
for (const { why, says, ...parts } of listenerRows) {
  test(`${why} is refused with its place`, async () => {
    const found = await problemsOf(parts);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', says);
  });
}
