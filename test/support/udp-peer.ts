/**
 * Started inside a namespace: UDP sockets that do what they are told, a line of JSON each, and answer with one.
 *
 *     {"open":"a","address":"10.77.0.1","port":53}     {"open":"b","address":"10.77.0.2","port":0,"to":["10.77.0.1",53]}
 *     {"send":"a","to":["10.77.0.2",8000],"bytes":100,"count":40}
 *     {"received":"b"}  ─►  {"count":1,"largest":1000}
 */
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';

type Command =
  | { open: string; address: string; port: number; to?: [string, number] }
  | { send: string; to?: [string, number]; bytes: number; count?: number }
  | { received: string };

const sockets = new Map<string, { socket: Socket; count: number; largest: number }>();

async function act(command: Command): Promise<unknown> {
  if ('open' in command) {
    const { address, port, to } = command;
    sockets.get(command.open)?.socket.close();
    const type = address.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, reuseAddr: true });
    const state = { socket, count: 0, largest: 0 };
    // An answer of a closed port; what it is about is counted by the packet program.
    socket.on('error', (error) => process.stderr.write(`${command.open}: ${error.message}\n`));
    socket.on('message', (message) => {
      state.count++;
      state.largest = Math.max(state.largest, message.length);
    });
    await new Promise<void>((done) => socket.bind(port, address, done));
    if (to !== undefined) await new Promise<void>((done) => socket.connect(to[1], to[0], done));
    sockets.set(command.open, state);
    return { port: socket.address().port };
  }
  if ('received' in command) {
    const { count = 0, largest = 0 } = sockets.get(command.received) ?? {};
    return { count, largest };
  }
  const { socket } = sockets.get(command.send) as { socket: Socket };
  const bytes = Buffer.alloc(command.bytes);
  for (let n = 0; n < (command.count ?? 1); n++)
    await new Promise<void>((done) => {
      if (command.to === undefined) socket.send(bytes, () => done());
      else socket.send(bytes, command.to[1], command.to[0], () => done());
    });
  return 'sent';
}

let queue = Promise.resolve();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    queue = queue.then(async () => {
      process.stdout.write(`${JSON.stringify(await act(JSON.parse(line)))}\n`);
    });
  })
  .on('close', () => process.exit(0));
