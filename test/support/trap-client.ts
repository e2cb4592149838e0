/**
 * Started inside a namespace: asks one thing after the other over one connection, and meanwhile for a trap over
 * another. Says what the trap answered, and for how long after that the first connection was still answered.
 *
 *     node test/support/trap-client.ts '{"host":"10.77.0.2","port":8000,"trap":"/.env"}'
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export type TrapTerms = { readonly host: string; readonly port: number; readonly trap: string };
export type TrapReport = {
  readonly trapStatus: string;
  /** Answers to the first connection before the trap's. */
  readonly before: number;
  /** And after it, in a second. */
  readonly after: number;
  /** From the trap's answer to the last of them; 0 where there was none. */
  readonly delayMs: number;
};

const { host, port, trap }: TrapTerms = JSON.parse(process.argv[2] ?? '{}');
const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: trap.test\r\n\r\n`;
let answers = 0;
let lastAt = 0;
const steady = connect({ host, port, noDelay: true }, () => steady.write(ask('/')));
steady.on('error', () => {});
steady.on('data', (bytes) => {
  // Each answer is small enough for one segment, and has one status line.
  if (!bytes.includes('HTTP/1.1 ')) return;
  answers++;
  lastAt = performance.now();
  steady.write(ask('/'));
});
while (answers < 50) await pause(1);

const before = answers;
const trapped = await new Promise<string>((resolve) => {
  const socket = connect({ host, port, noDelay: true }, () => socket.write(ask(trap)));
  socket.once('data', (bytes) => resolve(bytes.toString('latin1').split(' ')[1] ?? ''));
  socket.on('error', (error) => resolve(error.message));
});
const trappedAt = performance.now();
const atTrap = answers;
// The edge may have closed the first connection: somebody goes on knocking.
const knocks = [];
for (let knock = 0; knock < 20; knock++) {
  knocks.push(connect({ host, port }).on('error', () => {}));
  await pause(50);
}
for (const knock of knocks) knock.destroy();
const report: TrapReport = {
  trapStatus: trapped,
  before,
  after: answers - atTrap,
  delayMs: Math.max(0, lastAt - trappedAt),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
