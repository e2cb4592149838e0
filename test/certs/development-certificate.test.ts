import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import {
  developmentHostsMax,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';

const hosts = ['localhost', 'www.example.org', '*.apps.example.org', '127.0.0.1', '::1'];
const made = await makeDevelopmentCertificate(hosts);

for (const servername of ['localhost', 'www.example.org', 'one.apps.example.org']) {
  test(`a client that trusts it connects to ${servername}`, async () => {
    const { authorized } = await handshake({ servername });
    assert.equal(authorized, true);
  });
}

for (const host of ['127.0.0.1', '::1']) {
  test(`a client that trusts it connects to the address ${host}`, async () => {
    const { authorized } = await handshake({ host });
    assert.equal(authorized, true);
  });
}

test('a client refuses it for a host it does not name', async () => {
  await assert.rejects(handshake({ servername: 'other.example.org' }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});

test('a client that does not trust it refuses it', async () => {
  await assert.rejects(handshake({ servername: 'localhost', trusted: false }), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
});

test('it is a server certificate of 90 days, no authority, with the digest it says', () => {
  const certificate = new X509Certificate(made.certificate);
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal(createHash('sha256').update(certificate.raw).digest('hex'), made.sha256);
  assert.equal(certificate.validToDate.getTime(), made.notAfter.getTime());
  const days =
    (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 86_400_000;
  assert.ok(days > 90 && days < 90.1, `${days} days`);
  assert.ok(certificate.validFromDate.getTime() < Date.now());
});

test('two certificates share neither key nor serial number', async () => {
  const other = await makeDevelopmentCertificate(['localhost']);
  assert.notEqual(other.privateKey, made.privateKey);
  assert.notEqual(
    new X509Certificate(other.certificate).serialNumber,
    new X509Certificate(made.certificate).serialNumber,
  );
});

for (const host of [
  '',
  'a b',
  '-a.example',
  '*.org',
  'a.*.example.org',
  '1.2.3',
  '127.0.0.01',
  'https://x',
]) {
  test(`${JSON.stringify(host)} is refused as a host`, async () => {
    await assert.rejects(makeDevelopmentCertificate([host]), TypeError);
  });
}

test('no host at all, or more than the bound, is refused', async () => {
  await assert.rejects(makeDevelopmentCertificate([]), TypeError);
  await assert.rejects(
    makeDevelopmentCertificate(
      Array.from({ length: developmentHostsMax + 1 }, (_, at) => `h${at}`),
    ),
    TypeError,
  );
});

async function handshake(to: {
  servername?: string;
  host?: string;
  trusted?: boolean;
}): Promise<{ authorized: boolean }> {
  const server = createServer({ cert: made.certificate, key: made.privateKey }, (socket) =>
    socket.end(),
  );
  server.on('tlsClientError', () => {});
  server.listen(0, to.host ?? '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const client = connect({
      host: to.host ?? '127.0.0.1',
      port,
      ...(to.servername === undefined ? {} : { servername: to.servername }),
      ...(to.trusted === false ? {} : { ca: made.certificate }),
    });
    await once(client, 'secureConnect');
    const { authorized } = client;
    client.destroy();
    return { authorized };
  } finally {
    server.close();
  }
}
