/** Puts a server of a test on a port of the loopback that the system picks, and ends it with all its connections. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type LoopbackServer = AsyncDisposable & {
  readonly port: number;
  /** May be called again. */
  close(): Promise<void>;
};

export async function serveOnLoopback(
  server: Pick<Server, 'listen' | 'listening' | 'close' | 'closeAllConnections' | 'address'> &
    NodeJS.EventEmitter,
): Promise<LoopbackServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close };
}
