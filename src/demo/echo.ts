/** A WebSocket that says back what it hears, at `/ws/echo`. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';

export const echoPath = '/ws/echo';
export const messageBytesMax = 1024 * 1024;
export const echoClientsMax = 1_024;

export type Echo = { close(): void };

export function addEcho(server: Server): Echo {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      // Reading waits until the echo is on its way, so a client that only sends fills no memory here.
      socket.pause();
      socket.send(data, { binary: isBinary }, () => socket.resume());
    });
    // ws closes the connection itself after an error, with the code that fits it.
    socket.on('error', () => undefined);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== echoPath) refuse(socket, '404 Not Found');
    else if (sockets.clients.size >= echoClientsMax) refuse(socket, '503 Service Unavailable');
    else
      sockets.handleUpgrade(request, socket, head, (open) =>
        sockets.emit('connection', open, request),
      );
  });
  return {
    close() {
      for (const socket of sockets.clients) socket.close(1001);
      sockets.close();
    },
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
