/** What a listener's TLS settings do, as clients that can and cannot follow them see it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type tls from 'node:tls';
import { defaultCiphers } from '#config/tls-names.ts';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { TestEdge } from '../support/edge.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { tlsEdge, tlsRefusal, tlsVisit } from '../support/tls-edge.ts';

let site: DevelopmentCertificate;
before(async () => {
  site = await makeDevelopmentCertificate(['a.test']);
});

const two: tls.ConnectionOptions = { maxVersion: 'TLSv1.2' };
const three: tls.ConnectionOptions = { minVersion: 'TLSv1.3' };
const old = (version: 'TLSv1' | 'TLSv1.1'): tls.ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: 'DEFAULT@SECLEVEL=0',
});

describe('what a listener speaks', () => {
  const served: readonly [
    why: string,
    settings: object,
    client: tls.ConnectionOptions,
    seen: readonly [string, string],
  ][] = [
    ['1.3 with the first of its suites', {}, {}, ['TLSv1.3', 'TLS_AES_128_GCM_SHA256']],
    ['1.2 with the first of its suites', {}, two, ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256']],
    [
      'its own order, whatever the client would rather have',
      {},
      { ...two, ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384' },
      ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ],
    [
      'another order in TLS 1.3',
      { ciphers: ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'], minVersion: '1.3' },
      {},
      ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
    ],
    [
      'no newer than maxVersion',
      { maxVersion: '1.2' },
      {},
      ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ],
    [
      'an old suite, where it is named',
      { ciphers: [...defaultCiphers, 'ECDHE-ECDSA-AES128-SHA'] },
      { ...two, ciphers: 'ECDHE-ECDSA-AES128-SHA' },
      ['TLSv1.2', 'ECDHE-ECDSA-AES128-SHA'],
    ],
  ];
  for (const [why, settings, client, seen] of served) {
    it(why, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, [site], { ...settings }));
      const { version, cipher } = await tlsVisit(edge, client);
      assert.deepEqual([version, cipher], seen);
      const [name, label] = [seen[1], seen[0].slice('TLSv'.length)];
      assert.equal(
        edge.sample(`weir_tls_handshakes_total{version="${label}",cipher="${name}"}`),
        1,
      );
      assert.equal(edge.sample('weir_tls_handshake_duration_seconds_count'), 1);
    });
  }

  const groups: readonly [settings: object, client: tls.ConnectionOptions, group: string][] = [
    [{}, { ...three, ecdhCurve: 'X25519' }, 'X25519'],
    [{ curves: ['P-384', 'X25519'] }, { ...three, ecdhCurve: 'P-384:X25519' }, 'secp384r1'],
    [{ curves: ['P-256'] }, { ...three, ecdhCurve: 'X25519:P-256' }, 'prime256v1'],
  ];
  for (const [settings, client, group] of groups) {
    it(`the group ${group} with ${JSON.stringify(settings)}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, [site], { ...settings }));
      assert.equal((await tlsVisit(edge, client)).group, group);
    });
  }

  for (const client of [two, three]) {
    it(`no session twice, where it gives no tickets, in ${client.maxVersion ?? 'TLSv1.3'}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(
        tlsEdge(origin.url, [site], { sessionTickets: false }),
      );
      const { session } = await tlsVisit(edge, client);
      const again = await tlsVisit(edge, { ...client, ...(session && { session }) });
      assert.equal(again.resumed, false);
      assert.equal(edge.sample('weir_tls_sessions_resumed_total'), 0);
    });
  }

  const refused: readonly [
    why: string,
    settings: object,
    client: tls.ConnectionOptions,
    reason: string,
  ][] = [
    ['TLS 1.0', {}, old('TLSv1'), 'version'],
    ['TLS 1.1', {}, old('TLSv1.1'), 'version'],
    ['TLS 1.2 where 1.3 is the oldest', { minVersion: '1.3' }, two, 'version'],
    [
      'CBC, which is not among the defaults',
      {},
      { ...two, ciphers: 'ECDHE-ECDSA-AES128-SHA' },
      'cipher',
    ],
    ['static RSA', {}, { ...two, ciphers: 'AES128-GCM-SHA256' }, 'cipher'],
    ['a group that is not named', { curves: ['P-256'] }, { ...three, ecdhCurve: 'X448' }, 'cipher'],
    ['a protocol by ALPN that nobody serves', {}, { ALPNProtocols: ['smtp'] }, 'alpn'],
  ];
  for (const [why, settings, client, reason] of refused) {
    it(`not ${why}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, [site], { ...settings }));
      assert.match(await tlsRefusal(edge, client), /^ERR_SSL_|^EPROTO$/);
      await edge.until('weir_connections_open', 0);
      assert.equal(edge.sample(`weir_tls_handshakes_failed_total{reason="${reason}"}`), 1);
      assert.equal(origin.connections.length, 0);
    });
  }

  it('by ALPN what it serves, out of what the client offers', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    assert.equal(await tlsRefusal(edge, { ALPNProtocols: ['smtp', 'http/1.1'] }), 'served');
  });

  it('what a reload says, from the next handshake on', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    assert.equal((await tlsVisit(edge, two)).version, 'TLSv1.2');
    await edge.reload(tlsEdge(origin.url, [site], { minVersion: '1.3' }));
    assert.match(await tlsRefusal(edge, two), /^ERR_SSL_/);
    assert.equal((await tlsVisit(edge)).version, 'TLSv1.3');
  });
});

describe('session tickets', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: after a change of keys an old ticket means a full handshake, a new one is resumed`, async () => {
      const options = { minVersion: version, maxVersion: version };
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
      const first = await tlsVisit(edge, options);
      edge.proxy.setTicketKeys(Buffer.alloc(48, 9));
      const second = await tlsVisit(edge, {
        ...options,
        ...(first.session && { session: first.session }),
      });
      assert.equal(second.resumed, false);
      const third = await tlsVisit(edge, {
        ...options,
        ...(second.session && { session: second.session }),
      });
      assert.equal(third.resumed, true);
    });
  }
});
