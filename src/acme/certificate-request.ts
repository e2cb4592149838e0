/**
 * What is made with a key for ACME: the key of a certificate, its request (PKCS #10), and the self-signed
 * certificate that answers a TLS-ALPN-01 challenge (RFC 8737 section 3).
 */
import '../../certs/metadata.ts';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  webcrypto,
} from 'node:crypto';
import {
  Extension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** id-pe-acmeIdentifier. */
export const acmeIdentifierOid = '1.3.6.1.5.5.7.1.31';
const hourMs = 3_600_000;

export type CertificateWithKey = { readonly certificate: string; readonly privateKey: string };

/** PEM, PKCS #8. */
export function makeCertificateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pemOf(privateKey);
}

/** DER. */
export async function makeCertificateRequest(
  names: readonly string[],
  privateKey: string,
): Promise<Buffer> {
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys: keyPair(createPrivateKey(privateKey)),
      signingAlgorithm: algorithm,
      extensions: [sanOf(names)],
    },
    webcrypto,
  );
  return Buffer.from(request.rawData);
}

/** Shown only to who asks for `acme-tls/1`, never to a browser. */
export async function makeTlsAlpnCertificate(
  name: string,
  keyAuthorization: string,
): Promise<CertificateWithKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const digest = createHash('sha256').update(keyAuthorization).digest();
  // An OCTET STRING of 32 bytes in DER.
  const value = Buffer.concat([Buffer.from([0x04, digest.length]), digest]);
  const made = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: `4${randomBytes(16).toString('hex').slice(1)}`,
      name: 'O=Weir ACME challenge',
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + 24 * hourMs),
      signingAlgorithm: algorithm,
      keys: keyPair(privateKey),
      extensions: [sanOf([name]), new Extension(acmeIdentifierOid, true, value)],
    },
    webcrypto,
  );
  return { certificate: `${made.toString('pem')}\n`, privateKey: pemOf(privateKey) };
}

function sanOf(names: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })));
}

function keyPair(privateKey: KeyObject): webcrypto.CryptoKeyPair {
  return {
    privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']),
    publicKey: createPublicKey(privateKey).toCryptoKey(algorithm, true, ['verify']),
  };
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
