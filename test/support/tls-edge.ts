/** An edge with TLS in front, and a client that says what it saw of the handshake. */
import { once } from 'node:events';
import tls from 'node:tls';
import type { DevelopmentCertificate } from '../../certs/development-certificate.ts';
import { type EdgeOptions, simpleEdge, type TestEdge } from './edge.ts';
import type { ReadMessage } from './http-read.ts';
import { RawClient } from './raw-client.ts';

export const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

/** The first certificate is the default. `settings` is what stands under `tls` beside them. */
export function tlsEdge(
  url: string,
  certificates: readonly DevelopmentCertificate[],
  settings: Record<string, unknown> = {},
  more: Partial<EdgeOptions> = {},
): EdgeOptions {
  return {
    ...simpleEdge(url),
    listeners: [
      {
        address: '127.0.0.1:0',
        tls: {
          certificates: certificates.map(() => ({ cert: 'a.crt', key: 'a.key' })),
          ...settings,
        },
      },
    ],
    certificates: certificates.map(({ certificate, privateKey }) => ({
      listener: 0,
      cert: certificate,
      key: privateKey,
    })),
    ...more,
  };
}

export function tlsConnect(address: string, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const colon = address.lastIndexOf(':');
  return tls.connect({
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
    rejectUnauthorized: false,
    ...options,
  });
}

export type TlsVisit = {
  readonly response: ReadMessage;
  readonly session: Buffer | undefined;
  readonly resumed: boolean;
  /** SHA-256 of the certificate shown, lower-case hex. */
  readonly sha256: string;
  readonly version: string | null;
  readonly cipher: string;
  readonly group: string;
};

/** One request on a connection of its own. */
export async function tlsVisit(
  edge: TestEdge,
  options: tls.ConnectionOptions = {},
  request = get,
): Promise<TlsVisit> {
  const socket = tlsConnect(edge.address, options);
  let session: Buffer | undefined;
  socket.on('session', (ticket) => {
    session = ticket;
  });
  using client = new RawClient(socket);
  await once(socket, 'secureConnect');
  client.send(request);
  const response = await client.response();
  const group = socket.getEphemeralKeyInfo() as { name?: string };
  return {
    response,
    session,
    resumed: socket.isSessionReused(),
    sha256: socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '',
    version: socket.getProtocol(),
    cipher: socket.getCipher()?.name ?? '',
    group: group.name ?? '',
  };
}

/** The error a handshake ended with, at the client. Data or a close without one is an answer too. */
export async function tlsRefusal(
  edge: TestEdge,
  options: tls.ConnectionOptions = {},
): Promise<string> {
  const socket = tlsConnect(edge.address, options);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on('data', () => resolve('served'));
  socket.on('close', () => resolve('closed'));
  socket.on('secureConnect', () => socket.write(get));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
