/**
 * The cipher suites and key exchange groups a listener can be told to use, and those it uses unless told.
 *
 * Defaults are AEAD with forward secrecy only: no CBC (Lucky 13 and its kin), no static RSA (ROBOT, and
 * recorded traffic that a stolen key opens), no DHE (slow, and its parameters are a question of their own).
 * AES-128 comes before AES-256 because it is as safe today and cheaper; every client of the last ten years
 * has one of them.
 */
import { nearestName } from '#core/nearest-name.ts';

export const defaultCiphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
] as const;

/** What may be named beyond the defaults, for old clients: without AEAD, but with forward secrecy. */
export const knownCiphers: readonly string[] = [
  ...defaultCiphers,
  'TLS_AES_128_CCM_SHA256',
  'TLS_AES_128_CCM_8_SHA256',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
];

/** X25519MLKEM768 first: browsers send its key share, and what is recorded today stays closed to a quantum computer. */
export const defaultCurves = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'] as const;

export const knownCurves: readonly string[] = [
  ...defaultCurves,
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
  'X448',
  'P-521',
];

/** Other names of the same: OpenSSL's and SECG's of curves. */
const aliases: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** The name that was meant: by another name, in IANA's spelling of a TLS 1.2 suite, or nearly right. */
export function nearestTlsName(name: string, known: readonly string[]): string | null {
  const alias = aliases[name.toLowerCase()];
  if (alias !== undefined && known.includes(alias)) return alias;
  const spelled = name
    .replace(/^TLS_(ECDHE_.+)_WITH_(.+)$/, '$1-$2')
    .replaceAll('_', '-')
    .replace(/AES-(\d+)-(?:CBC-)?/, 'AES$1-')
    .replace(/POLY1305-SHA256$/, 'POLY1305');
  return known.includes(spelled) ? spelled : nearestName(name, known);
}
