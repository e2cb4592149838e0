/** A certificate authority and client certificates it has issued, made anew for each test file. */
import '../../certs/metadata.ts';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

export type Issued = { readonly cert: string; readonly key: string };

export type ClientAuthority = {
  /** PEM. */
  readonly certificate: string;
  issue(subject: string, days?: number): Promise<Issued>;
};

export async function makeClientAuthority(name = 'CN=Test Authority'): Promise<ClientAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name,
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    },
    webcrypto,
  );
  return {
    certificate: `${authority.toString('pem')}\n`,
    issue: async (subject, days = 1) => {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const made = await X509CertificateGenerator.create(
        {
          serialNumber: '02',
          subject,
          issuer: authority.subject,
          notBefore: new Date(now - 10 * dayMs),
          notAfter: new Date(now + days * dayMs),
          signingAlgorithm: algorithm,
          publicKey: own.publicKey,
          signingKey: keys.privateKey,
        },
        webcrypto,
      );
      const key = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      return {
        cert: `${made.toString('pem')}\n`,
        key: `${PemConverter.encode(key, 'PRIVATE KEY')}\n`,
      };
    },
  };
}
