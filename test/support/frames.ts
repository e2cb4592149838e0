/** Ethernet frames for the packet program, written from the words a case uses. */
import { parseIp } from '#core/ip.ts';

export type FrameTerms = {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: 'tcp' | 'udp' | 'icmp' | 'icmp6' | number;
  /** Letters of tcpdump: S A F R P U, E and W for ECE and CWR. */
  readonly flags?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly vlans?: readonly number[];
  /** IPv4 options in bytes, a multiple of 4. */
  readonly ipOptions?: number;
  /** IPv6 extension headers by number: 0, 43, 60, 51, 44. */
  readonly extensions?: readonly number[];
  /** Offset in units of 8 bytes. */
  readonly fragment?: { readonly offset: number; readonly more: boolean };
  readonly tcpOptions?: string;
  readonly payload?: number;
  readonly hops?: number;
  readonly icmpType?: number;
  /** Cut to so many bytes. */
  readonly cut?: number;
};

const numbers = { tcp: 6, udp: 17, icmp: 1, icmp6: 58 } as const;
const flagBits: Readonly<Record<string, number>> = {
  F: 1,
  S: 2,
  R: 4,
  P: 8,
  A: 16,
  U: 32,
  E: 64,
  W: 128,
};
/** What Linux sends: MSS 1460, SACK, timestamps, window scale 7. */
export const linuxSynOptions = '020405b40402080a000012340000000001030307';

export function addressBytes(text: string): Buffer {
  const address = parseIp(text);
  if (address === null) throw new Error(`${text} is no address`);
  const words = address.family === 4 ? 1 : 4;
  const bytes = Buffer.alloc(words * 4);
  for (let i = 0; i < words; i++) bytes.writeUInt32BE(address.words[i] ?? 0, i * 4);
  return bytes;
}

export function frameOf(terms: FrameTerms): Buffer {
  const source = addressBytes(terms.from ?? '192.0.2.1');
  const destination = addressBytes(
    terms.to ?? (source.length === 4 ? '10.0.0.5' : '2001:db8:5::5'),
  );
  const is4 = source.length === 4;
  const protocol =
    typeof terms.protocol === 'number' ? terms.protocol : numbers[terms.protocol ?? 'tcp'];
  const offset = terms.fragment?.offset ?? 0;
  const inner = offset > 0 ? Buffer.alloc(24, 0xaa) : transport(protocol, terms);
  const ip = is4
    ? ip4(source, destination, protocol, inner, terms)
    : ip6(source, destination, protocol, inner, terms);
  const tags = (terms.vlans ?? []).map((type) => {
    const tag = Buffer.alloc(4);
    tag.writeUInt16BE(type, 0);
    tag.writeUInt16BE(100, 2);
    return tag;
  });
  const type = Buffer.alloc(2);
  type.writeUInt16BE(is4 ? 0x0800 : 0x86dd, 0);
  const frame = Buffer.concat([Buffer.from('020000000001020000000002', 'hex'), ...tags, type, ip]);
  return terms.cut === undefined ? frame : frame.subarray(0, terms.cut);
}

function transport(protocol: number, terms: FrameTerms): Buffer {
  const payload = Buffer.alloc(terms.payload ?? 0, 0x61);
  if (protocol === 6) {
    const options = Buffer.from(terms.tcpOptions ?? '', 'hex');
    const header = Buffer.alloc(20);
    header.writeUInt16BE(terms.sport ?? 40_000, 0);
    header.writeUInt16BE(terms.dport ?? 443, 2);
    header.writeUInt32BE(0x11223344, 4);
    header[12] = ((20 + options.length) / 4) << 4;
    header[13] = [...(terms.flags ?? 'A')].reduce((bits, one) => bits | (flagBits[one] ?? 0), 0);
    header.writeUInt16BE(0xfaf0, 14);
    return Buffer.concat([header, options, payload]);
  }
  if (protocol === 17) {
    const header = Buffer.alloc(8);
    header.writeUInt16BE(terms.sport ?? 40_000, 0);
    header.writeUInt16BE(terms.dport ?? 443, 2);
    header.writeUInt16BE(8 + payload.length, 4);
    return Buffer.concat([header, payload]);
  }
  return Buffer.concat([Buffer.from([terms.icmpType ?? 8, 0, 0, 0, 0, 0, 0, 0]), payload]);
}

function ip4(
  source: Buffer,
  destination: Buffer,
  protocol: number,
  inner: Buffer,
  terms: FrameTerms,
): Buffer {
  const options = Buffer.alloc(terms.ipOptions ?? 0, 1);
  const header = Buffer.alloc(20);
  header[0] = 0x40 | (5 + options.length / 4);
  header.writeUInt16BE(20 + options.length + inner.length, 2);
  const { offset = 0, more = false } = terms.fragment ?? {};
  header.writeUInt16BE((more ? 0x2000 : 0) | offset, 6);
  header[8] = terms.hops ?? 64;
  header[9] = protocol;
  source.copy(header, 12);
  destination.copy(header, 16);
  return Buffer.concat([header, options, inner]);
}

function ip6(
  source: Buffer,
  destination: Buffer,
  protocol: number,
  inner: Buffer,
  terms: FrameTerms,
): Buffer {
  const kinds = [...(terms.extensions ?? []), ...(terms.fragment === undefined ? [] : [44])];
  const extensions = kinds.map((kind, index) => {
    const header = Buffer.alloc(8);
    header[0] = kinds[index + 1] ?? protocol;
    if (kind === 44 && terms.fragment !== undefined)
      header.writeUInt16BE((terms.fragment.offset << 3) | (terms.fragment.more ? 1 : 0), 2);
    return header;
  });
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  const rest = Buffer.concat([...extensions, inner]);
  header.writeUInt16BE(rest.length, 4);
  header[6] = kinds[0] ?? protocol;
  header[7] = terms.hops ?? 64;
  source.copy(header, 8);
  destination.copy(header, 24);
  return Buffer.concat([header, rest]);
}
