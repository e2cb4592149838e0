/**
 * ACME renewal information (RFC 9773): the authority says in which window it wants a certificate renewed,
 * which is how it tells that it has to revoke one early.
 */
import '../../certs/metadata.ts';
import { AuthorityKeyIdentifierExtension, X509Certificate } from '@peculiar/x509';
import type { RenewalInfo } from './acme-client.ts';

/** Asked this often when the server does not say how often. */
export const renewalInfoMs = 21_600_000;

/** Null for a certificate that does not name its issuer's key. */
export function certificateId(chain: string): string | null {
  const leaf = new X509Certificate(chain);
  const issuer = leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  return issuer === undefined ? null : certificateIdOf(issuer, leaf.serialNumber);
}

/** Section 4.1: the issuer's key identifier and the serial number, both hex here, as DER has them. */
export function certificateIdOf(issuer: string, serialNumber: string): string {
  const even = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`;
  // DER integers have a sign: a first byte from 80 on stands behind a zero.
  const serial = Buffer.from(/^[89a-f]/i.test(even) ? `00${even}` : even, 'hex');
  return `${Buffer.from(issuer, 'hex').toString('base64url')}.${serial.toString('base64url')}`;
}

/** A moment in the window by chance (0..1), or null when the window cannot be read. */
export function suggestedAtMs(info: RenewalInfo, chance: number): number | null {
  const start = Date.parse(info.suggestedWindow.start);
  const end = Date.parse(info.suggestedWindow.end);
  if (Number.isNaN(start) || Number.isNaN(end) || end < start) return null;
  return Math.floor(start + (end - start) * chance);
}
