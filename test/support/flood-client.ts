/**
 * Started inside a namespace: so many clients at once, each opening a connection, asking, getting the answer
 * and closing with a reset, over and over until its input ends; then it says how that went.
 *
 *     node test/support/flood-client.ts '{"hosts":["10.77.0.2","fd77::2"],"port":443,"clients":8,"timeoutMs":3000}'
 */
import { connect } from 'node:net';

export type ClientTerms = {
  /** Asked in turn. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly clients: number;
  readonly timeoutMs: number;
};
export type ClientReport = {
  readonly answered: number;
  /** By what it was. */
  readonly failed: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
  readonly slowestMs: number | null;
};

const terms: ClientTerms = JSON.parse(process.argv[2] ?? '{}');
const times: number[] = [];
const failed: Record<string, number> = {};
let isEnding = false;
const startedAt = performance.now();
process.stdin.on('end', () => {
  isEnding = true;
});
process.stdin.resume();
process.stdout.write('"started"\n');
await Promise.all(Array.from({ length: terms.clients }, (_, index) => client(index)));
const elapsedMs = performance.now() - startedAt;
times.sort((one, other) => one - other);
const at = (share: number): number | null =>
  times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? null;
const report: ClientReport = {
  answered: times.length,
  failed,
  perSecond: (times.length / elapsedMs) * 1_000,
  medianMs: at(0.5),
  p99Ms: at(0.99),
  slowestMs: at(1),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);

async function client(index: number): Promise<void> {
  for (let turn = index; !isEnding; turn++) {
    const ms = await once(terms.hosts[turn % terms.hosts.length] ?? '');
    if (typeof ms === 'number') times.push(ms);
    else failed[ms] = (failed[ms] ?? 0) + 1;
  }
}

/** Milliseconds to the first byte of an answer, or what went wrong. */
function once(host: string): Promise<number | string> {
  return new Promise((resolve) => {
    const from = performance.now();
    const socket = connect({ host, port: terms.port });
    const end = (ms: number | string): void => {
      clearTimeout(timer);
      // A port in TIME_WAIT would not be asked for a cookie the next time.
      socket.resetAndDestroy();
      resolve(ms);
    };
    const timer = setTimeout(() => end('no answer in time'), terms.timeoutMs);
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nHost: flood.test\r\n\r\n'));
    socket.once('data', () => end(performance.now() - from));
    socket.on('error', (error) => end('code' in error ? String(error.code) : error.message));
    socket.on('end', () => end('closed'));
  });
}
