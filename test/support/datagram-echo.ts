/**
 * Started inside a namespace: says back what it gets, or asks one datagram after another and says how many were
 * not answered within a second.
 *
 *     node test/support/datagram-echo.ts echo PORT
 *     node test/support/datagram-echo.ts ask PORT ADDRESS COUNT
 */
import { createSocket } from 'node:dgram';

const [role, port = '0', address = '', count = '0'] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
if (role === 'echo') {
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(Number(port), () => process.stdout.write('"listening"\n'));
  process.stdin.on('end', () => process.exit(0)).resume();
} else {
  let lost = 0;
  for (let at = 0; at < Number(count); at++) {
    const answered = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), 1_000);
      socket.once('message', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
    socket.send(String(at), Number(port), address);
    if (!(await answered)) lost++;
  }
  process.stdout.write(`${JSON.stringify({ lost })}\n`);
  socket.close();
}
