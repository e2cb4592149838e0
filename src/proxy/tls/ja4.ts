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
 * Sorting undoes the shuffling browsers do since 2023; GREASE (RFC 8701) is left out everywhere. There are
 * few TLS stacks, so the hash of a list is made once and remembered by the list's own bytes.
 */
import { hash } from 'node:crypto';
import { type ClientHello, helloBytesMax } from './client-hello.ts';

const nothing = '000000000000';
/** server_name and protocol names differ from host to host; both are in the first part. */
const serverNameType = 0x0000;
const alpnType = 0x0010;
/** Between extensions and signature algorithms: GREASE, so it stands in neither. */
const separator = 0x0a0a;

/** Beyond it all are forgotten: made-up hellos cost a hash each, as any did before. */
const rememberedMax = 1_024;
const remembered = new Map<string, string>();

/** The list that is being looked at; two bytes of a hello at least are behind each number. */
const list = new Uint16Array(helloBytesMax / 2 + 1);
const listBytes = Buffer.from(list.buffer);

const versionNames: Readonly<Record<number, string>> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
};

export function ja4(hello: ClientHello): string {
  const ciphers = put(hello.ciphers, 0, isNoGrease);
  list.subarray(0, ciphers).sort();
  const second = hashOfList(ciphers);
  const named = put(hello.extensions, 0, isNamed);
  list.subarray(0, named).sort();
  let end = named;
  const algorithms = put(hello.signatureAlgorithms, named + 1, isNoGrease);
  if (algorithms > named + 1) {
    list[named] = separator;
    end = algorithms;
  }
  const extensions = count(hello.extensions, isNoGrease);
  const third = extensions === 0 ? nothing : hashOfList(end);
  let version = 0;
  for (const one of hello.versions) if (one > version && isNoGrease(one)) version = one;
  const spoken = versionNames[version || hello.legacyVersion] ?? '00';
  const protocol = protocolPart(hello.protocols[0] ?? '');
  return `t${spoken}${hello.hasServerName ? 'd' : 'i'}${twoDigits(ciphers)}${twoDigits(extensions)}${protocol}_${second}_${third}`;
}

/** RFC 8701: 0x0a0a, 0x1a1a … 0xfafa. */
const isNoGrease = (value: number): boolean =>
  (value & 0x0f0f) !== 0x0a0a || value >>> 8 !== (value & 0xff);

const isNamed = (type: number): boolean =>
  type !== serverNameType && type !== alpnType && isNoGrease(type);

/** Puts those that count into the list from `start` on; returns where they end. */
function put(values: readonly number[], start: number, counts: (value: number) => boolean): number {
  let at = start;
  for (const value of values) if (counts(value)) list[at++] = value;
  return at;
}

function count(values: readonly number[], counts: (value: number) => boolean): number {
  let found = 0;
  for (const value of values) if (counts(value)) found++;
  return found;
}

const twoDigits = (size: number): string => String(Math.min(size, 99)).padStart(2, '0');

function hashOfList(size: number): string {
  if (size === 0) return nothing;
  const bytes = listBytes.toString('latin1', 0, size * 2);
  const known = remembered.get(bytes);
  if (known !== undefined) return known;
  if (remembered.size === rememberedMax) remembered.clear();
  const made = hash('sha256', textOfList(size), 'hex').slice(0, 12);
  remembered.set(bytes, made);
  return made;
}

/** Four digits each, commas between, `_` before the signature algorithms. */
function textOfList(size: number): string {
  let text = '';
  let between = '';
  for (const value of list.subarray(0, size)) {
    if (value === separator) {
      text += '_';
      between = '';
    } else {
      text += between + (value + 0x10000).toString(16).slice(1);
      between = ',';
    }
  }
  return text;
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
