/** What a certificate authority gets that looks at a challenge, and what everybody else gets meanwhile. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { makeTlsAlpnCertificate } from '#acme/certificate-request.ts';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { validateTlsAlpn } from '../support/acme-validation.ts';
import { blockWhen, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { tlsConnect, tlsEdge, tlsRefusal, tlsVisit } from '../support/tls-edge.ts';

const token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA';
const keyAuthorization = `${token}.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs`;
const path = `/.well-known/acme-challenge/${token}`;
const live = { http: [{ token, keyAuthorization }], tls: [] };

async function ask(edge: TestEdge, line: string): Promise<string> {
  using client = await RawClient.connect(edge.address);
  client.send(`${line}\r\nHost: example.org\r\nConnection: close\r\n\r\n`);
  const { first, body } = readOne(await client.untilEnded());
  return `${first.split(' ')[1]} ${body}`;
}

describe('HTTP-01', () => {
  const rows: readonly [line: string, answer: string][] = [
    [`GET ${path} HTTP/1.1`, `200 ${keyAuthorization}`],
    [`GET http://example.org${path} HTTP/1.1`, `200 ${keyAuthorization}`],
    [`GET ${path}?a=b HTTP/1.1`, `200 ${keyAuthorization}`],
    [`POST ${path} HTTP/1.1`, '200 ok'],
    [`GET ${path}x HTTP/1.1`, '200 ok'],
    [`GET ${path}/ HTTP/1.1`, '200 ok'],
    [`GET /%2Ewell-known/acme-challenge/${token} HTTP/1.1`, '200 ok'],
    ['GET /.well-known/acme-challenge/ HTTP/1.1', '200 ok'],
    ['GET /.well-known/acme-challenge/__proto__ HTTP/1.1', '200 ok'],
    [`GET /.well-known/acme-challenge/${'x'.repeat(600)} HTTP/1.1`, '200 ok'],
    ['GET / HTTP/1.1', '200 ok'],
  ];
  for (const [line, answer] of rows) {
    it(`${line.slice(0, 90)} → ${answer.slice(0, 20)}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      edge.proxy.setChallenges(live);
      assert.equal(await ask(edge, line), answer);
    });
  }

  it('is answered before routes and rules, and only while it is live', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      modules: { core: blockWhen('acme-challenge') },
      routes: [{ match: { host: 'other.test' }, upstream: 'app', waf: { rules: ['core'] } }],
    });
    assert.match(await ask(edge, `GET ${path} HTTP/1.1`), /^404 /);
    edge.proxy.setChallenges(live);
    assert.equal(await ask(edge, `GET ${path} HTTP/1.1`), `200 ${keyAuthorization}`);
    assert.equal(edge.sample('weir_acme_proofs_total{challenge="http-01"}'), 1);
    edge.proxy.setChallenges({ http: [], tls: [] });
    assert.match(await ask(edge, `GET ${path} HTTP/1.1`), /^404 /);
    assert.equal(edge.sample('weir_acme_proofs_total{challenge="http-01"}'), 1);
  });

  it('is answered by a listener that redirects everything else', async () => {
    await using edge = await TestEdge.start({
      ...simpleEdge('http://127.0.0.1:9'),
      listeners: [{ address: '127.0.0.1:0', redirect: 'https' }],
    });
    edge.proxy.setChallenges(live);
    assert.equal(await ask(edge, `GET ${path} HTTP/1.1`), `200 ${keyAuthorization}`);
    using client = await RawClient.connect(edge.address);
    client.send(`GET ${path}x HTTP/1.1\r\nHost: example.org\r\n\r\n`);
    const other = readOne(await client.untilEnded());
    assert.equal(statusOf(other), 308);
    assert.deepEqual(fieldValues(other, 'location'), [`https://example.org${path}x`]);
  });
});

describe('TLS-ALPN-01', () => {
  let site: DevelopmentCertificate;
  let challenge: { readonly certificate: string; readonly privateKey: string };
  before(async () => {
    site = await makeDevelopmentCertificate(['example.org']);
    challenge = await makeTlsAlpnCertificate('example.org', keyAuthorization);
  });
  const challenges = () => ({ http: [], tls: [{ name: 'example.org', ...challenge }] });
  const portOf = (edge: TestEdge) => Number(edge.address.split(':').at(-1));
  const acme = { servername: 'example.org', ALPNProtocols: ['acme-tls/1'] };

  it('shows the challenge to who asks for it, the site to all others', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
    edge.proxy.setChallenges(challenges());
    assert.equal(await validateTlsAlpn(portOf(edge), 'example.org', keyAuthorization), null);
    assert.match(
      (await validateTlsAlpn(portOf(edge), 'example.org', 'another')) ?? '',
      /acmeIdentifier is another one/,
    );
    assert.equal(edge.sample('weir_acme_proofs_total{challenge="tls-alpn-01"}'), 2);
    for (const ALPNProtocols of [['http/1.1'], []]) {
      const { sha256, response } = await tlsVisit(edge, {
        servername: 'example.org',
        ALPNProtocols,
      });
      assert.equal(sha256, site.sha256);
      assert.equal(response.body, 'ok');
    }
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`serves nothing on such a connection (${version})`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, [site]));
      edge.proxy.setChallenges(challenges());
      const only = { ...acme, minVersion: version, maxVersion: version };
      assert.notEqual(await tlsRefusal(edge, only), 'served');
      assert.equal(origin.connections.length, 0);
    });
  }

  it('ends such a connection also when its client goes on sending', async () => {
    await using edge = await TestEdge.start(tlsEdge('http://127.0.0.1:9', [site]));
    edge.proxy.setChallenges(challenges());
    // The types know it for servers only.
    const halfOpen = { allowHalfOpen: true };
    const socket = tlsConnect(edge.address, { ...acme, ...halfOpen });
    socket.on('error', () => {});
    const sending = setInterval(() => socket.write('x'), 100);
    await edge.until('weir_acme_proofs_total{challenge="tls-alpn-01"}', 1);
    await edge.until('weir_connections_open', 0);
    clearInterval(sending);
    socket.destroy();
  });

  it('is refused for a name without a live challenge', async () => {
    await using edge = await TestEdge.start(tlsEdge('http://127.0.0.1:9', [site]));
    const refused = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';
    assert.equal(await tlsRefusal(edge, acme), refused);
    edge.proxy.setChallenges(challenges());
    assert.equal(await tlsRefusal(edge, { ...acme, servername: 'www.example.org' }), refused);
    edge.proxy.setChallenges({ http: [], tls: [] });
    assert.equal(await tlsRefusal(edge, acme), refused);
  });

  it('a certificate that OpenSSL does not take changes nothing', async () => {
    await using edge = await TestEdge.start(tlsEdge('http://127.0.0.1:9', [site]));
    edge.proxy.setChallenges(challenges());
    const broken = { name: 'example.org', certificate: 'none', privateKey: 'none' };
    assert.throws(() => edge.proxy.setChallenges({ http: live.http, tls: [broken] }));
    assert.equal(await validateTlsAlpn(portOf(edge), 'example.org', keyAuthorization), null);
  });
});

describe('a name whose certificate is still to come', () => {
  const refused = 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME';

  it('is refused with the alert that says so; other names are served', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const first = await makeDevelopmentCertificate(['first.test', '*.example.org']);
    await using edge = await TestEdge.start({
      ...tlsEdge(origin.url, [first]),
      awaitedNames: ['new.test', 'shop.example.org'].map((name) => ({ listener: 0, name })),
    });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.equal(
        await tlsRefusal(edge, { servername: 'NEW.test', maxVersion: version }),
        refused,
      );
    assert.equal(edge.sample('weir_tls_handshakes_failed_total{reason="name"}'), 2);
    // The second is in a certificate that is there.
    for (const servername of ['first.test', 'shop.example.org', 'elsewhere.test'])
      assert.equal((await tlsVisit(edge, { servername })).sha256, first.sha256);
    assert.equal((await tlsVisit(edge)).sha256, first.sha256);
  });

  it('is served from the moment it has one', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const made = await makeDevelopmentCertificate(['new.test']);
    const awaiting = {
      ...tlsEdge(origin.url, [made]),
      certificates: [],
      awaitedNames: [{ listener: 0, name: 'new.test' }],
    };
    await using edge = await TestEdge.start(awaiting);
    assert.equal(await tlsRefusal(edge, { servername: 'new.test' }), refused);
    await edge.reload(tlsEdge(origin.url, [made]));
    assert.equal((await tlsVisit(edge, { servername: 'new.test' })).sha256, made.sha256);
  });
});
