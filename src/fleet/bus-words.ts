/**
 * Why there is no connection to NATS, in words for people: errors of the client are codes more often than sentences,
 * those of TLS are addresses of OpenSSL's, and the server says only that it does not want somebody. Who we said we
 * are is known here, so it is said.
 */
import { describeError } from '#core/errors.ts';
import type { NatsCredentials } from '#core/nats-credentials.ts';

export type BusCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'nkey'; readonly seed: Uint8Array; readonly user: string }
  | ({ readonly kind: 'creds'; readonly text: Uint8Array } & NatsCredentials)
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'user'; readonly user: string; readonly password: string };

/** Null where it is not that the server does not take them. It says no more than that; who we said we are is known. */
export function refusedWords(error: unknown, credentials: BusCredentials): string | null {
  const code = (error as { readonly code?: unknown }).code;
  const isEnd = code === 'AUTHENTICATION_EXPIRED';
  if (code !== 'AUTHORIZATION_VIOLATION' && !isEnd) return null;
  const what = 'the server does not take these credentials';
  switch (credentials.kind) {
    case 'none':
      return `${what}: none are configured, and it wants some (fleet.auth)`;
    case 'nkey':
      return `${what}: it has no user ${credentials.user}, or not any more`;
    case 'token':
      return `${what}: it has another token`;
    case 'user':
      return `${what}: it has no user ${credentials.user}, or another password for it`;
    case 'creds': {
      const { name, user, expiresAtMs } = credentials;
      if (isEnd || (expiresAtMs !== null && expiresAtMs <= Date.now())) {
        const at = expiresAtMs === null ? '' : ` at ${new Date(expiresAtMs).toISOString()}`;
        return `${what}: those of ${name} have ended${at}; put new ones into fleet.auth.credsFile`;
      }
      return `${what}: those of ${name} (${user}) are revoked, or signed by an account it does not know`;
    }
  }
}

const codeWords: Readonly<Record<string, string>> = {
  '503': 'nobody answers there',
  TIMEOUT: 'no answer in time',
  CONNECTION_REFUSED: 'connection refused',
  PERMISSIONS_VIOLATION: 'the server does not permit this',
};

/** By what OpenSSL, or Node about it, says. */
const tlsWords: readonly (readonly [RegExp, string])[] = [
  [
    /alert (?:bad certificate|unknown ca|certificate unknown|certificate expired)|certificate required/i,
    'the server asks its clients for a certificate, and takes none or not this one: look at fleet.tls.cert',
  ],
  [
    /self.signed|unable to verify|unable to get (?:local )?issuer|SELF_SIGNED|UNABLE_TO/i,
    'the server’s certificate is not from an authority that is known here: name it in fleet.tls.ca',
  ],
  [/certificate has expired|CERT_HAS_EXPIRED/i, 'the certificate of the server has expired'],
  [
    /Hostname\/IP does not match|ALTNAME/i,
    'the server’s certificate is for another name than fleet.nats has',
  ],
  [/wrong version number|packet length too long/i, 'the server does not speak TLS'],
];

/** Without the places in OpenSSL's source. */
const shortened = (text: string): string =>
  text
    .replace(/^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:/, '')
    .replace(/:\.\.\/deps.*$/s, '')
    .trim();

/** Errors of the library are codes more often than sentences. */
export function wordsOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  const words = typeof code === 'string' ? codeWords[code] : undefined;
  if (words !== undefined) return words;
  const text = describeError(error).trim();
  const found = tlsWords.find(([pattern]) => pattern.test(`${code} ${text}`));
  return found === undefined ? text : `${found[1]} (${shortened(text)})`;
}
