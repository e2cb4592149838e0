/** What the candidates are asked: each workload with the tool that makes it and what its figures mean. */
import { hasCommand } from '../../support/processes.ts';
import { runH2load } from './h2load.ts';
import { runHandshakes } from './handshakes.ts';
import { type LoadFigures, runAutocannon, runWrk } from './load.ts';

export type Workload = {
  readonly name: string;
  readonly title: string;
  readonly scheme: 'http' | 'https';
  /** The command it needs; null where the project brings it. */
  readonly needs: string | null;
  /** Slow or kept for comparison with former runs: at most so many rounds. */
  readonly roundsMax: number;
  run(folder: string, url: string, seconds: number): Promise<LoadFigures>;
};

const browserGet = { method: 'GET', body: '' } as const;
const form1k = { method: 'POST', body: `note=${'a'.repeat(1_019)}` } as const;
const json10k = { method: 'POST', body: JSON.stringify({ note: 'a'.repeat(10_229) }) } as const;

export const workloads: readonly Workload[] = [
  {
    name: 'get',
    title: 'GET, plain (wrk, 64 connections)',
    scheme: 'http',
    needs: 'wrk',
    roundsMax: Number.POSITIVE_INFINITY,
    run: (folder, url, seconds) => runWrk(folder, url, seconds, browserGet),
  },
  {
    name: 'get-tls',
    title: 'GET, TLS 1.3, ECDSA P-256 (wrk, 64 connections)',
    scheme: 'https',
    needs: 'wrk',
    roundsMax: Number.POSITIVE_INFINITY,
    run: (folder, url, seconds) => runWrk(folder, url, seconds, browserGet),
  },
  {
    name: 'get-h2',
    title: 'GET, HTTP/2 over TLS (h2load, 8 connections of 10 streams)',
    scheme: 'https',
    needs: 'h2load',
    roundsMax: Number.POSITIVE_INFINITY,
    run: runH2load,
  },
  {
    name: 'post-1k',
    title: 'POST of 1 KB, plain (wrk, 64 connections)',
    scheme: 'http',
    needs: 'wrk',
    roundsMax: Number.POSITIVE_INFINITY,
    run: (folder, url, seconds) => runWrk(folder, url, seconds, form1k),
  },
  {
    name: 'post-10k',
    title: 'POST of 10 KB, plain (wrk, 64 connections)',
    scheme: 'http',
    needs: 'wrk',
    roundsMax: Number.POSITIVE_INFINITY,
    run: (folder, url, seconds) => runWrk(folder, url, seconds, json10k),
  },
  {
    name: 'handshakes',
    title:
      'new TLS 1.3 handshakes, X25519, ECDSA P-256, one GET each (wrk, 16 at once; latency is that of the GET)',
    scheme: 'https',
    needs: 'wrk',
    roundsMax: Number.POSITIVE_INFINITY,
    run: (folder, url, seconds) =>
      runWrk(folder, url, seconds, { ...browserGet, closingAtOnce: 16 }),
  },
  {
    name: 'handshakes-node',
    title:
      'the same (own client, which saturates first: read CPU; latency is that of the connection)',
    scheme: 'https',
    needs: null,
    roundsMax: 2,
    run: (_folder, url, seconds) => runHandshakes(url, seconds),
  },
  {
    name: 'get-autocannon',
    title: 'GET, plain (autocannon, 64 connections)',
    scheme: 'http',
    needs: null,
    roundsMax: 2,
    run: (_folder, url, seconds) => runAutocannon(url, seconds),
  },
  {
    name: 'get-tls-autocannon',
    title: 'GET, TLS 1.3, ECDSA P-256 (autocannon, 64 connections)',
    scheme: 'https',
    needs: null,
    roundsMax: 2,
    run: (_folder, url, seconds) => runAutocannon(url, seconds),
  },
];

export const missingFor = ({ needs }: Workload): string | null =>
  needs === null || hasCommand(needs) ? null : needs;
