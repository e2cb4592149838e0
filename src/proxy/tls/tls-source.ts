/** Everything a listener's TLS is made of, as plain values: two that are equal make the same handshakes. */
import { createHash } from 'node:crypto';
import type { ListenerTls } from '#config/tls-schema.ts';
import type { CertificateSource } from './certificate-store.ts';

export type TlsSource = {
  readonly settings: ListenerTls;
  readonly certificates: readonly CertificateSource[];
  /** PEM of the authorities whose client certificates are valid; null when none are asked for. */
  readonly clientAuthorities: string | null;
  /** Names whose certificate is still to come; a client that asks for one is refused. */
  readonly awaited: readonly string[];
  /** Protocols offered by ALPN, the most wanted first. */
  readonly protocols: readonly string[];
};

export function tlsSourceKey(source: TlsSource): string {
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify([source.settings, source.clientAuthorities, source.protocols, source.awaited]),
  );
  for (const { cert, key, ocsp } of source.certificates)
    hash.update(
      JSON.stringify([cert, key, ocsp === undefined ? null : Buffer.from(ocsp).toString('base64')]),
    );
  return hash.digest('hex');
}
