/**
 * A way into a network namespace that no packet filter is on: listens on Unix sockets, which are of the file system and
 * so of no network, and goes on to ports of its own loopback.
 *
 *     ip netns exec NAME node nemesis-gate.ts SOCKET=PORT…
 */
import { connect, createServer } from 'node:net';

let waiting = process.argv.length - 2;
for (const pair of process.argv.slice(2)) {
  const [path = '', port = ''] = pair.split('=');
  createServer({ allowHalfOpen: true }, (outer) => {
    const inner = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    for (const [one, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    outer.pipe(inner);
    inner.pipe(outer);
  }).listen(path, () => {
    if (--waiting === 0) process.stdout.write('"ready"\n');
  });
}
process.stdin.on('end', () => process.exit()).resume();
