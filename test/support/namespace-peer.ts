/**
 * Runs inside a network namespace: listens on a port of every address, and connects from one address to another
 * when told to. A line `FROM TO PORT` on stdin is answered by `open` or by why not.
 */
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const unansweredMs = 300;

const server = createServer((socket) => socket.on('error', () => {}).resume());
server.listen(Number(process.argv[2]), '::', () => process.stdout.write('ready\n'));

for await (const line of createInterface({ input: process.stdin })) {
  const [from = '', to = '', port = ''] = line.split(' ');
  const answer = Promise.withResolvers<string>();
  const socket = connect({ host: to, port: Number(port), localAddress: from });
  socket.setTimeout(unansweredMs, () => answer.resolve('unanswered'));
  socket.once('connect', () => answer.resolve('open'));
  socket.once('error', (error: NodeJS.ErrnoException) => answer.resolve(String(error.code)));
  process.stdout.write(`${await answer.promise}\n`);
  socket.destroy();
}
process.exit(0);
