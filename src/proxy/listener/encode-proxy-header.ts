/**
 * A PROXY header, version 2, for TCP: who the client is and where it connected to.
 *
 * Both addresses are of one family; where they differ, as when a client's address came from elsewhere,
 * both are written as IPv6 with the IPv4 one mapped into it.
 */
import { ipBytes } from './ip-bytes.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export function encodeProxyHeader(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): Buffer {
  const from = ipBytes(source);
  const to = ipBytes(destination);
  // Unknown to us, so for the receiver it is a connection of our own.
  if (from === null || to === null) return Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])]);
  const isFour = from.length === 4 && to.length === 4;
  const addresses = isFour ? [from, to] : [mapped(from), mapped(to)];
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  const body = Buffer.concat([...addresses, ports]);
  const head = Buffer.from([0x21, isFour ? 0x11 : 0x21, 0, body.length]);
  return Buffer.concat([signature, head, body]);
}

function mapped(bytes: Buffer): Buffer {
  return bytes.length === 16
    ? bytes
    : Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), bytes]);
}
