/** HTTP/2 load by h2load; latencies come from its log, as its summary has no percentiles. */
import { readFileSync, rmSync } from 'node:fs';
import { capture, headers, type LoadFigures, path } from './load.ts';

const clients = 8;
const streams = 10;

export async function runH2load(
  folder: string,
  url: string,
  seconds: number,
): Promise<LoadFigures> {
  const log = `${folder}/h2load.log`;
  rmSync(log, { force: true });
  const { Host: host = '', ...others } = headers;
  const fields = Object.entries(others).flatMap(([name, value]) => [
    '-H',
    `${name.toLowerCase()}: ${value}`,
  ]);
  const output = await capture('h2load', [
    '-c',
    String(clients),
    '-m',
    String(streams),
    '-t',
    '1',
    '-D',
    String(seconds),
    '--log-file',
    log,
    '-H',
    `:authority: ${host}`,
    ...fields,
    url + path,
  ]);
  if (!/Application protocol: h2\b/.test(output)) throw new Error(`not HTTP/2: ${output}`);
  // Start, status, duration in microseconds.
  const rows = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number));
  const times = rows
    .filter(([, status = 0]) => status >= 200 && status < 300)
    .map(([, , us = 0]) => us)
    .sort((a, b) => a - b);
  const at = (share: number): number => (times[Math.floor(times.length * share)] ?? 0) / 1_000;
  const failed = Number(/(\d+) failed/.exec(output)?.[1] ?? 0);
  return {
    requests: rows.length,
    requestsPerSecond: times.length / seconds,
    // Streams still open when the time is up count as failed by h2load; they were never answered badly.
    bad: rows.length - times.length + Math.max(0, failed - clients * streams),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}
