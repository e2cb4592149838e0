/**
 * The PROXY protocol (versions 1 and 2): a load balancer in front says whose connection it hands on.
 *
 * ```
 * v1  PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n
 * v2  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a │ version, command │ family │ length (2) │ addresses, TLVs
 * ```
 *
 * Read strictly: one form of each number, no blanks beyond those named, TCP over IPv4 or IPv6 only. `LOCAL`
 * and `UNKNOWN` are the balancer's own connections (its health checks): the peer stays who it is. TLVs are
 * skipped by their length, and a checksum among them is not verified.
 */
import { parseIp } from '#core/ip.ts';
import { formatIpBytes } from './ip-bytes.ts';

export type ProxyHeader =
  | 'incomplete'
  | 'invalid'
  /** `source` is null for a connection of the balancer's own. `end` is where the client's bytes begin. */
  | { readonly source: string | null; readonly end: number };

/** Version 1 has at most 107 bytes with its line end; nothing real has TLVs of more than a few hundred. */
const lineBytesMax = 107;
export const proxyHeaderBytesMax = 4_096;

const signature2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const signature1 = Buffer.from('PROXY ', 'latin1');
const fixedBytes2 = 16;
const tcp4 = 0x11;
const tcp6 = 0x21;

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return 'incomplete';
  if (bytes[0] === signature1[0])
    return startsLike(bytes, signature1) ? readLine(bytes) : 'invalid';
  return startsLike(bytes, signature2) ? readBinary(bytes) : 'invalid';
}

/** As far as both go. */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ProxyHeader {
  const lineEnd = bytes.subarray(0, lineBytesMax).indexOf('\r\n', 0, 'latin1');
  if (lineEnd < 0) return bytes.length >= lineBytesMax ? 'invalid' : 'incomplete';
  const words = bytes.toString('latin1', 0, lineEnd).split(' ');
  const end = lineEnd + 2;
  if (words[1] === 'UNKNOWN') return { source: null, end };
  const [, protocol, source, destination, sourcePort, destinationPort] = words;
  if (words.length !== 6 || (protocol !== 'TCP4' && protocol !== 'TCP6')) return 'invalid';
  if (!isPort(sourcePort) || !isPort(destinationPort)) return 'invalid';
  const from = parseIp(source ?? '');
  const to = parseIp(destination ?? '');
  if (from === null || to === null) return 'invalid';
  // By how it is written: a mapped address is IPv6 text.
  const isSix = (text: string | undefined): boolean => text?.includes(':') ?? false;
  if (isSix(source) !== (protocol === 'TCP6') || isSix(destination) !== (protocol === 'TCP6'))
    return 'invalid';
  return { source: from.text, end };
}

const isPort = (text: string | undefined): boolean =>
  text !== undefined && /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;

function readBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < fixedBytes2) return 'incomplete';
  const versionAndCommand = bytes[12];
  const family = bytes[13];
  const length = bytes.readUInt16BE(14);
  const end = fixedBytes2 + length;
  const isLocal = versionAndCommand === 0x20;
  if ((!isLocal && versionAndCommand !== 0x21) || end > proxyHeaderBytesMax) return 'invalid';
  const addressBytes = family === tcp4 ? 4 : family === tcp6 ? 16 : 0;
  if (!isLocal && (addressBytes === 0 || length < addressBytes * 2 + 4)) return 'invalid';
  if (bytes.length < end) return 'incomplete';
  if (isLocal) return { source: null, end };
  const source = formatIpBytes(bytes.subarray(fixedBytes2, fixedBytes2 + addressBytes));
  return { source, end };
}
