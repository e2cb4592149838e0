/**
 * Started inside a namespace: a server of HTTP/1.1 that answers with the peer's address, and says how many
 * connections it took. `workers` listen with SO_REUSEPORT, as those of an edge do.
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [port = '8080', workers = '1'] = process.argv.slice(2);
let connections = 0;
const servers = Array.from({ length: Number(workers) }, () => {
  const server = createServer((request, response) =>
    response.end(`${request.socket.remoteAddress}\n`),
  );
  server.on('connection', () => connections++);
  return server;
});
await Promise.all(
  servers.map(
    (server) =>
      new Promise<void>((resolve) =>
        server.listen(
          { port: Number(port), host: '::', reusePort: Number(workers) > 1, backlog: 4_096 },
          resolve,
        ),
      ),
  ),
);
process.stdout.write('"listening"\n');
createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify({ connections })}\n`))
  .on('close', () => process.exit(0));
