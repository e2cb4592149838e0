/** Clients that ask again as soon as they have an answer, in a thread of their own: who measures is not in their way. */
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, connections, request } = workerData as {
  readonly port: number;
  readonly connections: number;
  readonly request: string;
};
const bytes = Buffer.from(request, 'latin1');
const sockets = new Set<net.Socket>();
let isOver = false;
const counts = { served: 0, shed: 0, other: 0 };

for (let i = 0; i < connections; i++) open();
parentPort?.once('message', () => {
  isOver = true;
  for (const socket of sockets) socket.destroy();
  parentPort?.postMessage(counts);
});

function open(): void {
  if (isOver) return;
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  sockets.add(socket);
  // Answers are small and written at once: what comes begins with a status line.
  socket.on('data', (answer: Buffer) => {
    const status = answer.toString('latin1', 9, 12);
    if (status === '200') counts.served++;
    else if (status === '503') counts.shed++;
    else counts.other++;
    socket.write(bytes);
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    sockets.delete(socket);
    open();
  });
  socket.write(bytes);
}
