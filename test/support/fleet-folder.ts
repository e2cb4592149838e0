/** A fleet made by the shipped `weir fleet init`, and a real server with its permissions. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { type NatsServer, startNatsServer } from './nats-server.ts';

export type FleetFolder = AsyncDisposable & {
  readonly folder: string;
  readonly server: NatsServer;
  /** The `fleet` section of a member, with absolute names, as YAML of one line. */
  section(member: string, more?: string): string;
  seed(member: string): Uint8Array;
  /** The server reads what the folder has for it now. */
  reload(): Promise<void>;
};

export async function startFleet(
  nodes: readonly string[],
  fleet = 'f',
  orchestrators: readonly string[] = ['orchestrator'],
): Promise<FleetFolder> {
  const folder = join(mkdtempSync(join(tmpdir(), 'weir-fleet-')), 'fleet');
  await writeFleetFiles(folder, {
    fleet,
    nodes,
    orchestrators,
    nats: { host: '127.0.0.1', port: 4222 },
  });
  // Port and store are the test's; all the rest is as people have it.
  const config = () =>
    readFileSync(join(folder, 'nats-server.conf'), 'utf8')
      .replace(/^listen: .*$/m, '')
      .replace(/^jetstream \{[^}]*\}/m, '');
  const server = await startNatsServer({ config: config() });
  return {
    folder,
    server,
    section: (member, more = '') => {
      const at = join(folder, member);
      return `fleet: { name: ${fleet}, nodeId: ${member}, nats: ["${server.url}"], auth: { nkeyFile: ${at}/nats.nk }, signingKey: ${at}/signing.key, trust: ${at}/trust.json${more} }`;
    },
    seed: (member) => readFileSync(join(folder, member, 'nats.nk')).subarray(0, 58),
    reload: () => server.reload(config()),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(join(folder, '..'), { recursive: true, force: true });
    },
  };
}
