/**
 * A self-signed certificate for trying things out: ECDSA P-256, valid for 90 days, for server use only.
 *
 * It is its own issuer and no authority (CA: false): a client that trusts it trusts this one server and
 * nothing it could sign.
 */
import './metadata.ts';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { parseIp } from '#core/ip.ts';

export type DevelopmentCertificate = {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8, not encrypted. */
  readonly privateKey: string;
  readonly notAfter: Date;
  /** Of the DER bytes, lower-case hex. */
  readonly sha256: string;
};

export const developmentCertificateDays = 90;
export const developmentHostsMax = 100;
/** Machines that reach the server may have clocks that run behind. */
const notBeforeMarginMs = 3_600_000;
const dayMs = 86_400_000;

/** `hosts` are DNS names (`*.example.org` too) and IPv4 or IPv6 addresses; throws `TypeError` on others. */
export async function makeDevelopmentCertificate(
  hosts: readonly string[],
): Promise<DevelopmentCertificate> {
  if (hosts.length === 0 || hosts.length > developmentHostsMax) {
    throw new TypeError(
      `a certificate names 1 to ${developmentHostsMax} hosts, not ${hosts.length}`,
    );
  }
  const names = hosts.map(generalName);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const nowMs = Date.now();
  const notAfter = new Date(nowMs + developmentCertificateDays * dayMs);
  const made = await X509CertificateGenerator.createSelfSigned(
    {
      // DER integers are signed: a first byte from 40 to 7f is positive and has no zero to drop.
      serialNumber: `4${randomBytes(16).toString('hex').slice(1)}`,
      name: 'O=Weir development certificate',
      notBefore: new Date(nowMs - notBeforeMarginMs),
      notAfter,
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const der = new Uint8Array(made.rawData);
  return {
    certificate: `${made.toString('pem')}\n`,
    privateKey: `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`,
    notAfter: made.notAfter,
    sha256: createHash('sha256').update(der).digest('hex'),
  };
}

function generalName(host: string): { type: 'ip' | 'dns'; value: string } {
  const address = parseIp(host);
  if (address !== null) return { type: 'ip', value: address.text };
  const labels = host.toLowerCase().split('.');
  const good = labels.every(
    (label, index) =>
      /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label) ||
      (index === 0 && label === '*' && labels.length > 2),
  );
  if (!good || host.length > 253 || /^[0-9]+$/.test(labels.at(-1) ?? '')) {
    throw new TypeError(`${JSON.stringify(host)} is no host name or address`);
  }
  return { type: 'dns', value: labels.join('.') };
}
