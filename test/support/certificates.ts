/** An authority of the test's own, and certificates it signs, for servers and for clients. */
import '../../certs/metadata.ts';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;

export type Signed = { readonly cert: string; readonly key: string };

export class TestAuthority {
  readonly certificate: string;
  readonly #issuer: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(issuer: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#issuer = issuer;
    this.#keys = keys;
    this.certificate = issuer.toString('pem');
  }

  static async make(): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const issuer = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: serial(),
        name: 'CN=Test authority',
        ...validity(),
        signingAlgorithm: algorithm,
        keys,
        extensions: [new BasicConstraintsExtension(true, 0, true)],
      },
      webcrypto,
    );
    return new TestAuthority(issuer, keys);
  }

  /** `host` is a DNS name or an IPv4 address. */
  async sign(host: string): Promise<Signed> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const type = /^[0-9.]+$/.test(host) ? 'ip' : 'dns';
    const made = await X509CertificateGenerator.create(
      {
        serialNumber: serial(),
        subject: `CN=${host}`,
        issuer: this.#issuer.subject,
        ...validity(),
        signingAlgorithm: algorithm,
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([{ type, value: host }]),
        ],
      },
      webcrypto,
    );
    const raw = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { cert: made.toString('pem'), key: PemConverter.encode(raw, 'PRIVATE KEY') };
  }
}

const serial = (): string => `4${randomBytes(16).toString('hex').slice(1)}`;
const validity = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - hourMs),
  notAfter: new Date(Date.now() + hourMs),
});
