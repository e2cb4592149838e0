/**
 * New TLS connections, each with a full handshake, one request and its end. As a child it is the client:
 * no session is ever offered, and one that was resumed all the same would be an error.
 *
 * X25519 alone, as the peers' libraries differ in which newer groups they know.
 */
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { LatencyHistogram } from '../../support/latency-histogram.ts';
import { capture, type LoadFigures } from './load.ts';

const atOnce = 8;
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

export async function runHandshakes(url: string, seconds: number): Promise<LoadFigures> {
  const { port } = new URL(url);
  const output = await capture(process.execPath, [
    fileURLToPath(import.meta.url),
    port,
    String(seconds),
  ]);
  if (!output.startsWith('{')) throw new Error(`the handshake client said: ${output}`);
  return JSON.parse(output) as LoadFigures;
}

/** True when it was a new handshake and the answer was 200. */
function handshake(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      minVersion: 'TLSv1.3',
      ecdhCurve: 'X25519',
      rejectUnauthorized: false,
    });
    socket.on('secureConnect', () => socket.write(request));
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200') && !socket.isSessionReused()));
  });
}

if (import.meta.main) {
  const [port = 0, seconds = 0] = process.argv.slice(2).map(Number);
  const latency = new LatencyHistogram();
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  let requests = 0;
  let bad = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (performance.now() < until) {
        const before = performance.now();
        if (!(await handshake(port))) bad++;
        latency.add(performance.now() - before);
        requests++;
      }
    }),
  );
  const figures: LoadFigures = {
    requests,
    requestsPerSecond: requests / ((performance.now() - startedAt) / 1_000),
    bad,
    p50Ms: latency.percentileMs(0.5),
    p99Ms: latency.percentileMs(0.99),
  };
  process.stdout.write(JSON.stringify(figures));
}
