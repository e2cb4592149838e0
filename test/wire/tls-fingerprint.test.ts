/** The fingerprint of real clients, as rules and the access log get it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { dribble } from '../support/dribble.ts';
import { TestEdge } from '../support/edge.ts';
import type { Inspect } from '../support/filters.ts';
import { allow } from '../support/filters.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { get, tlsConnect, tlsEdge, tlsVisit } from '../support/tls-edge.ts';

let site: DevelopmentCertificate;
before(async () => {
  site = await makeDevelopmentCertificate(['a.test']);
});

/** What OpenSSL sends unasked differs from line to line; counted by hand is that of 3.0. */
const opensslVersion = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '';

const fingerprintOf = (ciphers: string, extensions: string): string => {
  const part = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `${part(ciphers)}_${part(extensions)}`;
};

describe('the fingerprint of a client', () => {
  it('is what its hello says, counted by hand, for a rule and in the access log', {
    skip: opensslVersion.startsWith('OpenSSL 3.0') ? false : 'needs the openssl command, 3.0',
  }, async () => {
    const seen: string[] = [];
    const recorder: Inspect = (_view, facts) => {
      seen.push(facts.ja4 ?? '');
      return allow;
    };
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = tlsEdge(origin.url, [site]);
    await using edge = await TestEdge.start({
      ...options,
      modules: { recorder },
      routes: [{ upstream: 'app', waf: { rules: ['recorder'] } }],
    });
    const child = spawn(
      'openssl',
      [
        's_client',
        '-connect',
        edge.address,
        '-servername',
        'a.test',
        '-alpn',
        'http/1.1',
        '-quiet',
        '-tls1_3',
        '-ciphersuites',
        'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256',
        '-curves',
        'X25519',
        '-sigalgs',
        'ECDSA+SHA256:RSA-PSS+SHA256',
        '-no_ticket',
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    child.stdin.write(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await once(child.stdout, 'data');
    child.kill();
    // Suites: the two, and the renegotiation signal (00ff). Extensions: server_name, ec_point_formats,
    // supported_groups, ALPN, encrypt_then_mac, extended_master_secret, signature_algorithms,
    // supported_versions, psk_key_exchange_modes, key_share.
    const extensions = '000a,000b,000d,0016,0017,002b,002d,0033_0403,0804';
    const expected = `t13d0310h1_${fingerprintOf('00ff,1301,1302', extensions)}`;
    const lines = await edge.accessLines(1);
    assert.deepEqual(seen, [expected]);
    assert.equal(lines[0]?.['ja4'], expected);
  });

  it('is the same for two connections of one client and another for other settings; empty without TLS', async () => {
    const seen: string[] = [];
    const recorder: Inspect = (_view, facts) => {
      seen.push(facts.ja4 ?? '');
      return allow;
    };
    const rules = {
      modules: { recorder },
      routes: [{ upstream: 'app', waf: { rules: ['recorder'] } }],
    };
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({ ...tlsEdge(origin.url, [site]), ...rules });
    await tlsVisit(edge, { servername: 'a.test' });
    await tlsVisit(edge, { servername: 'b.test' });
    await tlsVisit(edge, { servername: 'b.test', maxVersion: 'TLSv1.2' });
    assert.match(seen[0] ?? '', /^t13d/);
    assert.equal(seen[0], seen[1]);
    assert.match(seen[2] ?? '', /^t12d/);
    await using plain = await TestEdge.start({
      ...tlsEdge(origin.url, []),
      ...rules,
      listeners: [{ address: '127.0.0.1:0', plaintext: true }],
    });
    using client = await RawClient.connect(plain.address);
    client.send(get);
    await client.response();
    assert.equal(seen[3], '');
  });

  it('a hello that comes a byte at a time is answered', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    using slow = await RawClient.connect(edge.address);
    const socket = tlsConnect(edge.address, { socket: dribble(slow.socket), servername: 'a.test' });
    using client = new RawClient(socket);
    await once(socket, 'secureConnect');
    client.send(get);
    assert.equal(statusOf(await client.response()), 200);
  });

  it('a hello that breaks the grammar gets an alert, and is counted', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    using client = await RawClient.connect(edge.address);
    client.send('\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff');
    assert.equal(await client.untilEnded(), '\x15\x03\x01\x00\x02\x02\x32');
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="protocol"}'), 1);
    assert.equal(edge.sample('weir_tls_handshakes_open'), 0);
  });

  it('a client that goes away before its hello is whole is counted', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    using client = await RawClient.connect(edge.address);
    client.send('\x16\x03\x01\x02\x00');
    client.socket.destroy();
    await edge.until('weir_connections_open', 0);
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="closed"}'), 1);
    assert.equal(edge.sample('weir_tls_handshakes_open'), 0);
  });
});
