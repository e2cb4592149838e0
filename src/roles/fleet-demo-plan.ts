/**
 * The files of `weir fleet demo`: what `weir fleet init` writes for three edges and an orchestrator, and a
 * configuration for each, as people would have them.
 *
 * Clients of the demo come with PROXY protocol from loopback and say an address that RFC 5737 keeps for
 * documentation: loopback itself is what a node lives by, and is never blocked.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { WeirError } from '#core/errors.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';

export const demoNodes = ['edge-1', 'edge-2', 'edge-3'] as const;
export const demoOrchestrator = 'orchestrator';
export const demoFleet = 'demo';

export type FleetDemoPlan = {
  readonly folder: string;
  readonly port: number;
  /** Configuration files, by member. */
  readonly files: ReadonlyMap<string, string>;
};

/** Of the `nats-server` on PATH. Throws FLEET_DEMO_FAILED where there is none that will do. */
export function natsServerVersion(): string {
  const { stdout, error } = spawnSync('nats-server', ['--version'], { encoding: 'utf8' });
  const fix = [
    'Debian and Ubuntu: apt-get install nats-server',
    'else a release of https://github.com/nats-io/nats-server, its nats-server in a folder of PATH',
  ];
  if (error !== undefined)
    throw new WeirError('FLEET_DEMO_FAILED', 'there is no nats-server on PATH', { details: fix });
  const [, version = '', major, minor] = /v((\d+)\.(\d+)\.\d+)/.exec(stdout) ?? [];
  if (Number(major) * 1_000 + Number(minor) >= 2_009) return version;
  throw new WeirError(
    'FLEET_DEMO_FAILED',
    `the nats-server on PATH is ${version === '' ? 'of no version it says' : version}, and 2.9 or later is needed`,
    { details: fix },
  );
}

export async function writeFleetDemo(folder: string, upstream: string): Promise<FleetDemoPlan> {
  const port = await freePort();
  const fleetFolder = join(folder, 'fleet');
  await writeFleetFiles(fleetFolder, {
    fleet: demoFleet,
    nodes: demoNodes,
    orchestrators: [demoOrchestrator],
    nats: { host: '127.0.0.1', port },
  });
  const files = new Map<string, string>();
  for (const member of [...demoNodes, demoOrchestrator]) {
    const at = join(fleetFolder, member);
    const section = readFileSync(join(at, 'fleet.yaml'), 'utf8');
    const isNode = member !== demoOrchestrator;
    const file = join(at, isNode ? 'edge.yaml' : 'orchestrator.yaml');
    const own = isNode ? nodeConfig(upstream) : 'api: { address: "127.0.0.1:0" }\n';
    writeFileSync(file, `${own}state: ${JSON.stringify(join(at, 'state'))}\n${section}`);
    files.set(member, file);
  }
  return { folder: fleetFolder, port, files };
}

/** The limits on connections are for clients; each round of the demo is hundreds of one. */
const nodeConfig = (upstream: string): string => `edge:
  workers: 1
  listeners:
    - { address: "127.0.0.1:0", plaintext: true, proxyProtocol: { from: [127.0.0.0/8] } }
  limits: { connectionsPerSecondMax: 100000, shedAtLoopDelayMs: 60000 }
upstreams: { app: { servers: [{ url: ${JSON.stringify(upstream)} }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
kernel: { xdp: off }
admin: { address: "127.0.0.1:0" }
`;

/** One that was free a moment ago: the server's file names its port before there is a server. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
