/**
 * JA4, FoxIO's fingerprint of a client hello: one text for one TLS stack, whatever host it asks for.
 *
 * ```
 * t13d1516h2_8daaf6152771_e5627efa2ab1
 * ││ ││ │ │  └ SHA-256 of the suites, sorted    └ … of the extensions, sorted, and the signature algorithms
 * ││ ││ │ └ first and last character of the first ALPN name
 * ││ ││ └ number of extensions    │└ number of suites    └ d: a name was sent, i: none
 * │└ highest version              └ TCP
 * ```
 *
 * Sorting undoes the shuffling browsers do since 2023; GREASE (RFC 8701) is left out everywhere.
 */
import { hash } from 'node:crypto';
import type { ClientHello } from './client-hello.ts';

const nothing = '000000000000';
/** server_name and protocol names differ from host to host; both are in the first part. */
const serverNameType = 0x0000;
const alpnType = 0x0010;

const versionNames: Readonly<Record<number, string>> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
};

export function ja4(hello: ClientHello): string {
  const ciphers = hello.ciphers.filter(isNoGrease);
  const extensions = hello.extensions.filter(isNoGrease);
  const version = Math.max(...hello.versions.filter(isNoGrease), 0) || hello.legacyVersion;
  const first =
    `t${versionNames[version] ?? '00'}${hello.hasServerName ? 'd' : 'i'}` +
    `${counted(ciphers)}${counted(extensions)}${protocolPart(hello.protocols[0] ?? '')}`;
  const named = extensions.filter((type) => type !== serverNameType && type !== alpnType);
  const algorithms = hello.signatureAlgorithms.filter(isNoGrease);
  const second = shortHash(sortedHex(ciphers));
  const last = algorithms.length === 0 ? '' : `_${algorithms.map(hex).join(',')}`;
  const third = extensions.length === 0 ? nothing : shortHash(sortedHex(named) + last);
  return `${first}_${second}_${third}`;
}

/** RFC 8701: 0x0a0a, 0x1a1a … 0xfafa. */
const isNoGrease = (value: number): boolean =>
  (value & 0x0f0f) !== 0x0a0a || value >>> 8 !== (value & 0xff);

const hex = (value: number): string => (value + 0x10000).toString(16).slice(1);

/** Four digits each, so the order of the numbers is that of the texts; a typed array sorts by number. */
function sortedHex(values: readonly number[]): string {
  let text = '';
  for (const value of Uint16Array.from(values).sort()) text += `,${hex(value)}`;
  return text.slice(1);
}

const counted = (values: readonly number[]): string =>
  String(Math.min(values.length, 99)).padStart(2, '0');

function shortHash(text: string): string {
  return text === '' ? nothing : hash('sha256', text, 'hex').slice(0, 12);
}

const alphanumeric = /^[0-9A-Za-z]$/;

/** Where an end of the name is no letter or digit, the ends of its hexadecimal form stand for it. */
function protocolPart(name: string): string {
  if (name === '') return '00';
  const [first, last] = [name.charAt(0), name.charAt(name.length - 1)];
  if (alphanumeric.test(first) && alphanumeric.test(last)) return first + last;
  const text = Buffer.from(name, 'latin1').toString('hex');
  return text.charAt(0) + text.charAt(text.length - 1);
}
