/**
 * The certificates of one listener by the host name a client asks for (SNI).
 *
 * ```
 * shop.example.org ─► exact name ─► *.example.org ─► the first certificate
 * ```
 *
 * Names come from the certificates themselves. A wildcard stands for exactly one label (RFC 6125 section
 * 6.4.3), and where two certificates name the same host the earlier one in the list is shown. A client that
 * sends no name, or one nobody has, gets the first: it can then say what does not fit.
 *
 * Immutable: other certificates are another store, built beside this one and swapped in between two
 * handshakes.
 */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { certificateNames } from '#core/certificate-names.ts';

/** A certificate with its key as a worker gets it. */
export type CertificateSource = {
  /** Index of the listener that shows it. */
  readonly listener: number;
  /** PEM, leaf first. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** An OCSP response (DER) to staple. */
  readonly ocsp?: Uint8Array;
};

export class CertificateStore {
  readonly #exact = new Map<string, tls.SecureContext>();
  /** By what stands behind `*.`. */
  readonly #wildcard = new Map<string, tls.SecureContext>();
  /** OCSP responses by the leaf they speak of, base64. */
  readonly #staples = new Map<string, Buffer>();

  /** Throws what OpenSSL says of a certificate, a key or an option that it does not take. */
  constructor(certificates: readonly CertificateSource[], options: tls.SecureContextOptions) {
    for (const { cert, key, ocsp } of certificates) {
      const context = tls.createSecureContext({ ...options, cert, key });
      const leaf = new X509Certificate(cert);
      for (const name of certificateNames(leaf)) {
        const isWildcard = name.startsWith('*.');
        const map = isWildcard ? this.#wildcard : this.#exact;
        const at = isWildcard ? name.slice(2) : name;
        if (!map.has(at)) map.set(at, context);
      }
      if (ocsp !== undefined) this.#staples.set(leaf.raw.toString('base64'), Buffer.from(ocsp));
    }
  }

  /** Null for a name nobody has: the listener's first certificate is shown. */
  select(serverName: string): tls.SecureContext | null {
    const name = serverName.toLowerCase();
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf('.');
    return dot <= 0 ? null : (this.#wildcard.get(name.slice(dot + 1)) ?? null);
  }

  get hasStaples(): boolean {
    return this.#staples.size > 0;
  }

  /** The OCSP response for the leaf (DER) that is being shown. */
  staple(leaf: Buffer): Buffer | null {
    return this.#staples.get(leaf.toString('base64')) ?? null;
  }
}
