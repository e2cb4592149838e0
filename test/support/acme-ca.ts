/** The certificate authority behind the local ACME server: a root of its own, leaves of any life. */
import '../../certs/metadata.ts';
import { createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const generate = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const pemOf = (der: ArrayBuffer, label: string) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;

export class TestAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #root: X509Certificate;

  private constructor(keys: webcrypto.CryptoKeyPair, root: X509Certificate) {
    this.#keys = keys;
    this.#root = root;
  }

  static async make(): Promise<TestAuthority> {
    const keys = (await generate()) as webcrypto.CryptoKeyPair;
    const root = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: '01',
        name: 'CN=Test root',
        notBefore: new Date(Date.now() - 3_600_000),
        notAfter: new Date(Date.now() + 86_400_000),
        signingAlgorithm: algorithm,
        keys,
        extensions: [
          new BasicConstraintsExtension(true, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ],
      },
      webcrypto,
    );
    return new TestAuthority(keys, root);
  }

  /** PEM. */
  get root(): string {
    return `${this.#root.toString('pem')}\n`;
  }

  /** The names a request (DER) asks for; throws when its signature does not hold. */
  async namesOf(request: Uint8Array<ArrayBuffer>): Promise<string[]> {
    const parsed = new Pkcs10CertificateRequest(request);
    if (!(await parsed.verify(webcrypto))) throw new Error('the request is not signed by its key');
    const names = parsed.extensions.find((one) => one instanceof SubjectAlternativeNameExtension);
    return (names?.names.items ?? []).map(({ value }) => value);
  }

  /** A chain, leaf first. The life is in whole seconds, which is all a certificate can say. */
  async issue(
    request: Uint8Array<ArrayBuffer>,
    names: readonly string[],
    life: { readonly notBeforeMs: number; readonly notAfterMs: number },
  ): Promise<string> {
    const { publicKey } = new Pkcs10CertificateRequest(request);
    return this.#sign(names, publicKey, life);
  }

  /** For the ACME server itself. */
  async serverCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
    const keys = (await generate()) as webcrypto.CryptoKeyPair;
    const now = Date.now();
    const life = { notBeforeMs: now - 60_000, notAfterMs: now + 86_400_000 };
    return {
      cert: await this.#sign(['localhost'], keys.publicKey, life),
      key: pemOf(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'),
    };
  }

  async #sign(
    names: readonly string[],
    publicKey: PublicKey | webcrypto.CryptoKey,
    life: { readonly notBeforeMs: number; readonly notAfterMs: number },
  ): Promise<string> {
    const leaf = await X509CertificateGenerator.create(
      {
        // From 80 on, so that the sign byte of DER is part of every test.
        serialNumber: `c${randomBytes(16).toString('hex').slice(1)}`,
        issuer: this.#root.subject,
        notBefore: new Date(life.notBeforeMs),
        notAfter: new Date(life.notAfterMs),
        signingAlgorithm: algorithm,
        publicKey,
        signingKey: this.#keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
          await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return `${leaf.toString('pem')}\n${this.root}`;
  }
}

/** For the JWS of an account: a key object out of its JWK. */
export const keyOfJwk = (jwk: Record<string, string>) =>
  createPublicKey({ key: jwk, format: 'jwk' });
