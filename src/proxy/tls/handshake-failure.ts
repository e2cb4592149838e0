/** Why a handshake failed, in a word: what OpenSSL says is for developers and has no bound as a label. */

export const handshakeFailures = [
  /** Not done in time. */
  'timeout',
  /** The client went away. */
  'closed',
  /** What came is no TLS, or breaks it. */
  'protocol',
  /** No TLS version both sides speak. */
  'version',
  /** No cipher suite or group both sides have. */
  'cipher',
  /** No protocol by ALPN that both sides speak. */
  'alpn',
  /** The name asked for has no certificate yet. */
  'name',
  /** A client certificate is required, and none or no valid one came. */
  'client-certificate',
  /** The client said that it does not take ours. */
  'refused-by-client',
] as const;

export type HandshakeFailure = (typeof handshakeFailures)[number];

const byCode: Readonly<Record<string, HandshakeFailure>> = {
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'version',
  ERR_SSL_NO_SHARED_CIPHER: 'cipher',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'cipher',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'cipher',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'cipher',
  ERR_SSL_NO_SUITABLE_GROUPS: 'cipher',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'alpn',
};

export function handshakeFailureOf(error: NodeJS.ErrnoException): HandshakeFailure {
  const code = error.code ?? '';
  // ERR_SSL_TLSV1_ALERT_UNKNOWN_CA, ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN and their kin.
  if (/^ERR_SSL_(?:TLSV1|TLSV13|SSLV3)_ALERT_/.test(code)) return 'refused-by-client';
  return byCode[code] ?? 'protocol';
}
