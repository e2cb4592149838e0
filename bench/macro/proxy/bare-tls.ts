/**
 * TLS as Node has it and nothing else: each connection is answered at once and closed, without a head read,
 * an upstream, a limit or a log line. What a handshake costs here, no edge on node:tls can be below.
 *
 *     node bench/macro/proxy/bare-tls.ts FOLDER PORT
 */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { defaultCiphers, defaultCurves } from '../../../src/config/tls-names.ts';

const [folder = '', port = ''] = process.argv.slice(2);
const body = 'x'.repeat(1_024);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
);
const server = tls.createServer({
  cert: readFileSync(`${folder}/site.crt`),
  key: readFileSync(`${folder}/site.key`),
  minVersion: 'TLSv1.2',
  ciphers: defaultCiphers.join(':'),
  ecdhCurve: defaultCurves.join(':'),
  ALPNProtocols: ['http/1.1'],
  secureOptions: constants.SSL_OP_NO_TICKET,
  noDelay: true,
  allowHalfOpen: true,
});
server.on('secureConnection', (socket) => {
  socket.once('data', () => socket.end(answer));
  socket.on('end', () => socket.destroySoon());
  socket.on('error', () => socket.destroy());
});
server.on('tlsClientError', (_error, socket) => socket.destroy());
server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4_096 });
