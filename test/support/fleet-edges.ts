/**
 * Shipped edges in one fleet, each with a state of its own, and a client whose address is what it says: behind
 * PROXY protocol, as loopback is never blocked.
 */
import { connect } from 'node:net';
import { type EdgeProcess, startEdgeProcess } from './edge-process.ts';
import type { FleetFolder } from './fleet-folder.ts';

const config = (fleet: string) => `
edge:
  workers: 1
  listeners:
    - { address: "127.0.0.1:0", plaintext: true, proxyProtocol: { from: ["127.0.0.0/8"] } }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
kernel: { xdp: off }
${fleet}`;

export function startFleetEdge(
  fleet: FleetFolder,
  member: string,
  state: string | null = null,
  more = ', digestMs: 1000',
): Promise<EdgeProcess> {
  return startEdgeProcess(config(fleet.section(member, more)), state);
}

/** Whether a client of this address gets an answer; its connection is cut where it is blocked. */
export function isLetIn(edge: EdgeProcess, client: string): Promise<boolean> {
  return new Promise((resolve) => {
    const family = client.includes(':') ? 'TCP6' : 'TCP4';
    const own = family === 'TCP6' ? '::1' : '127.0.0.1';
    const socket = connect({ host: '127.0.0.1', port: edge.ports[0] as number });
    socket.on('error', () => {});
    socket.on('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('close', () => resolve(false));
    socket.write(
      `PROXY ${family} ${client} ${own} 1234 80\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    );
  });
}

/** A connection of a client of this address that has had one answer; `cut` resolves when it is cut. */
export async function stayConnected(
  edge: EdgeProcess,
  client: string,
): Promise<{ readonly cut: Promise<void> }> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: '127.0.0.1', port: edge.ports[0] as number });
  socket.on('error', () => {});
  socket.once('data', () => resolve());
  const cut = new Promise<void>((isCut) => {
    socket.once('close', () => {
      reject(new Error(`${client} is not let in`));
      isCut();
    });
  });
  socket.write(`PROXY TCP4 ${client} 127.0.0.1 1234 80\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n`);
  await answered;
  return { cut };
}
