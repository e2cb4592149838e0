/** Addresses as protocols carry them: 4 or 16 bytes, the most significant first. */
import { parseIp } from '#core/ip.ts';

/** Canonical text; an IPv4-mapped IPv6 address is the IPv4 one. */
export function formatIpBytes(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
  return parseIp(groups.join(':'))?.text ?? '';
}

/** Four bytes for IPv4, sixteen for IPv6; null for what is no address. */
export function ipBytes(text: string): Buffer | null {
  const zone = text.indexOf('%');
  const address = parseIp(zone === -1 ? text : text.slice(0, zone));
  if (address === null) return null;
  const words = address.family === 4 ? 1 : 4;
  const bytes = Buffer.alloc(words * 4);
  for (let word = 0; word < words; word++)
    bytes.writeUInt32BE(address.words[word] as number, word * 4);
  return bytes;
}
