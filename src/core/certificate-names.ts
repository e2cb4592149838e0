/**
 * The host names a certificate is for: its subject alternative names of type DNS, in lower case.
 *
 * Browsers stopped reading the common name in 2017, so nothing here does. A name that is no host name
 * (quoted by Node because it holds odd bytes, or otherwise beyond letters, digits, hyphens and one leading
 * `*.`) is left out: no client can ask for it.
 */
import type { X509Certificate } from 'node:crypto';

/** Let's Encrypt allows 100, others a few hundred. */
export const certificateNamesMax = 1_000;

const hostName =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function certificateNames(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? '';
  const names = new Set<string>();
  // Node quotes what holds a comma or a quote, so a name cannot make itself look like two.
  for (const [, kind, value] of text.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (kind !== 'DNS' || value === undefined) continue;
    const name = value.toLowerCase();
    if (name.length <= 255 && hostName.test(name)) names.add(name);
    if (names.size === certificateNamesMax) break;
  }
  return [...names];
}
