/**
 * The certificate a client showed: as rules, the access log and the upstream get it.
 *
 * The subject is RFC 4514 text in ASCII, the most specific part first (`CN=…,O=…`). Node writes one part a
 * line in the order of the certificate, with control characters and separators escaped, so that a line end
 * is always a border between parts.
 */
import type { TLSSocket } from 'node:tls';

export type ClientCertificate = {
  readonly subject: string;
  /** SHA-256 of the DER bytes, lower-case hex. */
  readonly sha256: string;
  /** Issued by one of the listener's authorities, and valid today. */
  readonly verified: boolean;
  /** Value of the Client-Cert field (RFC 9440); empty for one that does not verify. */
  readonly field: string;
};

/** A longer subject is cut and ends with a backslash that escapes nothing, as no whole subject does. */
export const subjectBytesMax = 512;

export function clientCertificate(socket: TLSSocket): ClientCertificate | null {
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) return null;
  return {
    subject: subjectText(shown.subject ?? ''),
    sha256: shown.fingerprint256.replaceAll(':', '').toLowerCase(),
    verified: socket.authorized,
    field: socket.authorized ? `:${shown.raw.toString('base64')}:` : '',
  };
}

/** What Node gives as `subject` to one line of ASCII. */
export function subjectText(lines: string): string {
  const text = lines
    .split('\n')
    .reverse()
    .join(',')
    .replace(/[^\x20-\x7e]+/gu, (rest) =>
      [...Buffer.from(rest, 'utf8')]
        .map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
  return text.length <= subjectBytesMax
    ? text
    : `${text.slice(0, subjectBytesMax - 1).replace(/\\*$/, '')}\\`;
}
