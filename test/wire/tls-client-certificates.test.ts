/** Client certificates: who gets in, and what rules, the origin and the access log hear of it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { RequestFacts } from '#waf/transaction.ts';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import {
  type ClientAuthority,
  type Issued,
  makeClientAuthority,
} from '../support/client-authority.ts';
import { type EdgeOptions, TestEdge } from '../support/edge.ts';
import { allow } from '../support/filters.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { get, tlsEdge, tlsRefusal, tlsVisit } from '../support/tls-edge.ts';

let site: DevelopmentCertificate;
let authority: ClientAuthority;
let good: Issued;
let expired: Issued;
let foreign: Issued;

before(async () => {
  site = await makeDevelopmentCertificate(['a.test']);
  authority = await makeClientAuthority();
  good = await authority.issue('CN=caf\u00e9, O="Left, Right"');
  expired = await authority.issue('CN=late', -1);
  foreign = await (await makeClientAuthority('CN=Another')).issue('CN=stranger');
});

const seen: RequestFacts[] = [];

function demanding(
  url: string,
  mode: 'off' | 'optional' | 'required',
  more: Partial<EdgeOptions> = {},
) {
  seen.length = 0;
  return tlsEdge(
    url,
    [site],
    { clientCertificates: { mode, ...(mode === 'off' ? {} : { ca: 'ca.crt' }) } },
    {
      clientAuthorities: mode === 'off' ? [] : [{ listener: 0, pem: authority.certificate }],
      modules: {
        recorder: (_view, facts) => {
          seen.push(facts);
          return allow;
        },
      },
      routes: [{ upstream: 'app', waf: { rules: ['recorder'] } }],
      ...more,
    },
  );
}

const failed = 'weir_tls_handshakes_failed_total{reason="client-certificate"}';
const fieldsAtOrigin = (origin: RawOrigin): string[] =>
  fieldValues(readOne(origin.received), 'client-cert');

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const spoken = { minVersion: version, maxVersion: version } as const;
  describe(`${version}: client certificates`, () => {
    it('required: one of the authority gets in, and everyone hears whose it is', async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(demanding(origin.url, 'required'));
      const { response } = await tlsVisit(edge, { ...good, ...spoken });
      assert.equal(statusOf(response), 200);
      const leaf = new X509Certificate(good.cert);
      const certificate = {
        subject: 'O=Left\\, Right,CN=caf\\C3\\A9',
        sha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
        verified: true,
      };
      const field = `:${leaf.raw.toString('base64')}:`;
      assert.deepEqual(seen[0]?.certificate, { ...certificate, field });
      assert.deepEqual(fieldsAtOrigin(origin), [field]);
      assert.deepEqual((await edge.accessLines(1))[0]?.['clientCertificate'], certificate);
    });

    const refused: readonly [why: string, client: () => Partial<Issued>][] = [
      ['without one', () => ({})],
      ['with one of another authority', () => foreign],
      ['with one that has expired', () => expired],
    ];
    for (const [why, client] of refused) {
      it(`required: a client ${why} is refused and counted, and reaches nothing`, async () => {
        await using origin = await RawOrigin.answering(plainAnswer);
        await using edge = await TestEdge.start(demanding(origin.url, 'required'));
        assert.notEqual(await tlsRefusal(edge, { ...client(), ...spoken }), 'served');
        await edge.until('weir_connections_open', 0);
        assert.equal(edge.sample(failed), 1);
        assert.equal(origin.connections.length, 0);
        assert.equal(seen.length, 0);
      });
    }

    it('optional: a client gets in with any or none, and only a valid one is passed on', async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(demanding(origin.url, 'optional'));
      await tlsVisit(edge, spoken);
      await tlsVisit(edge, { ...foreign, ...spoken });
      assert.deepEqual(
        seen.map(({ certificate }) => certificate && [certificate.subject, certificate.verified]),
        [null, ['CN=stranger', false]],
      );
      assert.doesNotMatch(origin.received, /client-cert/i);
      await tlsVisit(edge, { ...good, ...spoken });
      assert.equal(seen[2]?.certificate?.verified, true);
    });

    it('a resumed session still knows whose it is', async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(demanding(origin.url, 'required'));
      const { session } = await tlsVisit(edge, { ...good, ...spoken });
      const again = await tlsVisit(edge, { ...good, ...spoken, ...(session && { session }) });
      assert.equal(again.resumed, true);
      assert.deepEqual(seen[1]?.certificate, seen[0]?.certificate);
      assert.equal(edge.sample('weir_tls_sessions_resumed_total'), 1);
    });

    it('a ticket from a listener that asks for none opens nothing on one that does', async () => {
      const ticketKeys = Buffer.alloc(48, 7);
      await using origin = await RawOrigin.answering(plainAnswer);
      await using open = await TestEdge.start(demanding(origin.url, 'off', { ticketKeys }));
      await using closed = await TestEdge.start(demanding(origin.url, 'required', { ticketKeys }));
      const { session } = await tlsVisit(open, spoken);
      assert.ok(session !== undefined);
      assert.notEqual(await tlsRefusal(closed, { ...spoken, session }), 'served');
      await using asking = await TestEdge.start(demanding(origin.url, 'optional', { ticketKeys }));
      assert.equal((await tlsVisit(asking, { ...spoken, session })).resumed, false);
    });
  });
}

it('a Client-Cert field that a client sends never travels on, nor does an alias of it', async () => {
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start({
    ...demanding(origin.url, 'optional'),
    edge: { trustedProxies: ['127.0.0.1'] },
  });
  const forged = 'Client-Cert: :AAAA:\r\nClient_Cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\n';
  await tlsVisit(edge, {}, get.replace('\r\n\r\n', `\r\n${forged}\r\n`));
  assert.doesNotMatch(origin.received, /client.cert|AAAA/i);
});

it('a reload that begins to require certificates holds for the next handshake', async () => {
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start(demanding(origin.url, 'off'));
  assert.equal(await tlsRefusal(edge), 'served');
  await edge.reload(demanding(origin.url, 'required'));
  assert.notEqual(await tlsRefusal(edge), 'served');
});
