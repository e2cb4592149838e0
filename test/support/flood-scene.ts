/**
 * A flood of spoofed SYNs onto the shipped edge, on a wire between two network namespaces, while clients
 * connect: what tests assert and benches measure.
 *
 * ```
 * client namespace                      server namespace
 *   generator ──┐
 *               ├── veth ────────────── veth ─► packet program (or none) ─► listener of the edge
 *   clients ────┘
 * ```
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientReport, ClientTerms } from './flood-client.ts';
import type { TalkingProcess } from './network-namespace.ts';
import type { FloodReport, FloodTerms } from './syn-flood.ts';
import { WiredNode } from './wired-node.ts';

export type Protection = 'weir' | 'weir-on-demand' | 'kernel' | 'none';

export type FloodScene = {
  readonly protection: Protection;
  readonly mode: 'native' | 'generic';
  /** Null: no flood. 0: as many as one core makes. */
  readonly floodPerSecond: number | null;
  readonly seconds: number;
  readonly clients: number;
  /** For one connection and its answer; a SYN that is lost comes again after 1, 3 and 7 s. */
  readonly timeoutMs: number;
};

export type FloodOutcome = {
  readonly flood: FloodReport | null;
  readonly client: ClientReport;
  /** The most that were seen at once. */
  readonly halfOpenMax: number;
  /** Packets by verdict, as `weir status` has them; null without a packet program of Weir's. */
  readonly verdicts: Readonly<Record<string, number>> | null;
};

const port = 8_000;
const support = import.meta.dirname;
const syncookies: Readonly<Record<Protection, string>> = {
  weir: '2',
  'weir-on-demand': '1',
  kernel: '1',
  none: '0',
};

export async function runFlood(scene: FloodScene): Promise<FloodOutcome> {
  const isWeir = scene.protection.startsWith('weir');
  await using edge = await WiredNode.running(config(isWeir ? scene.mode : 'off'), {
    'net.ipv4.tcp_syncookies': syncookies[scene.protection],
    'net.ipv4.tcp_timestamps': '2',
    // Whom the kernel remembers gets in where others do not.
    'net.ipv4.tcp_no_metrics_save': '1',
  });
  const { pair } = edge;
  const node = (side: 'client' | 'server', script: string, ...words: string[]): TalkingProcess =>
    pair.start(side, process.execPath, join(support, script), ...words);
  const { pid } = edge.status();

  // Frames sent from a program arrive, and those of XDP_TX go back, only where the other end has one too.
  const ends = isWeir ? (['client'] as const) : (['client', 'server'] as const);
  for (const side of ends)
    await node(side, 'attached-verdict.ts', pair.device(side), 'pass').next();
  if (isWeir && scene.mode === 'generic')
    pair.run('server', 'ethtool', '-K', pair.device('server'), 'gro', 'on');

  const mac = pair.run('server', 'cat', `/sys/class/net/${pair.device('server')}/address`).trim();
  const floodTerms: FloodTerms = {
    device: pair.device('client'),
    to: pair.addresses.server[0],
    mac,
    port,
    perSecond: scene.floodPerSecond ?? 0,
  };
  const flood =
    scene.floodPerSecond === null
      ? null
      : node('client', 'syn-flood.ts', JSON.stringify(floodTerms));
  await flood?.next();
  // The queue of half-open connections is full, where there is one.
  if (flood !== null) await pause(500);
  const clientTerms: ClientTerms = {
    hosts: pair.addresses.server,
    port,
    clients: scene.clients,
    timeoutMs: scene.timeoutMs,
  };
  const client = node('client', 'flood-client.ts', JSON.stringify(clientTerms));
  await client.next();
  let halfOpenMax = 0;
  const endsAt = performance.now() + scene.seconds * 1_000;
  while (performance.now() < endsAt) {
    halfOpenMax = Math.max(halfOpenMax, halfOpen(pid));
    await pause(200);
  }
  const report = (await client.finish()) as ClientReport;
  const sent = (await flood?.finish()) ?? null;
  const verdicts = isWeir ? edge.verdicts() : null;
  return { flood: sent as FloodOutcome['flood'], client: report, halfOpenMax, verdicts };
}

function config(xdp: string): string {
  return `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:${port}", plaintext: true }
    - { address: "[::]:${port}", plaintext: true }
  limits: { unlimitedAddresses: [10.77.0.0/24, "fd77::/64"] }
kernel: { xdp: ${xdp}, nftables: off, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`;
}

/** Connections in SYN_RECV on the port, in the namespace of a process. */
function halfOpen(pid: number): number {
  return ['tcp', 'tcp6'].reduce((sum, name) => {
    const rows = readFileSync(`/proc/${pid}/net/${name}`, 'latin1').split('\n').slice(1);
    return sum + rows.filter((row) => row.trim().split(/\s+/)[3] === '03').length;
  }, 0);
}
