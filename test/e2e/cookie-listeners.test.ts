/** SYN cookies of the packet program for every kind of listener of the shipped edge. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { TestAuthority } from '../support/certificates.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { WiredNode } from '../support/wired-node.ts';

const [plain, tls, tcp, origin] = [8_000, 8_443, 8_001, 8_081];

describe('with a cookie for every SYN', { skip: needsNamespaces() }, () => {
  for (const workers of [1, 2])
    it(`plaintext, TLS and TCP listeners are reached over IPv4 and IPv6, ${workers} workers`, async () => {
      await using edge = new WiredNode({
        'net.ipv4.tcp_syncookies': '2',
        'net.ipv4.tcp_timestamps': '2',
      });
      const { pair, folder } = edge;
      const { cert, key } = await (await TestAuthority.make()).sign('edge.test');
      writeFileSync(join(folder, 'site.crt'), cert);
      writeFileSync(join(folder, 'site.key'), key, { mode: 0o600 });
      const server = join(import.meta.dirname, '../support/namespace-server.ts');
      await pair.start('server', process.execPath, server, `${origin}`, '1').next();
      const listeners = ['0.0.0.0', '[::]'].flatMap((host) => [
        `    - { address: "${host}:${plain}", plaintext: true }`,
        `    - { address: "${host}:${tls}", tls: { certificates: [{ cert: ${folder}/site.crt, key: ${folder}/site.key }] } }`,
        `    - { address: "${host}:${tcp}", tcp: { upstream: app } }`,
      ]);
      // What native XDP sends back over a veth arrives only where the other end has a program too.
      const passing = join(import.meta.dirname, '../support/attached-verdict.ts');
      await pair.start('client', process.execPath, passing, pair.device('client'), 'pass').next();
      edge.configure(`edge:
  workers: ${workers}
  listeners:
${listeners.join('\n')}
kernel: { xdp: native, synCookies: always, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:${origin}" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`);
      await edge.startProcess();
      let connections = 0;
      for (const address of pair.addresses.server)
        for (const [scheme, port] of [
          ['http', plain],
          ['https', tls],
          ['http', tcp],
        ] as const) {
          const host = address.includes(':') ? `[${address}]` : address;
          const url = `${scheme}://${host}:${port}/`;
          const words = ['-ksS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', url];
          assert.equal(pair.run('client', 'curl', ...words), '200', url);
          connections++;
        }
      assert.equal(edge.counted('syn_ack'), connections);
    });
});
