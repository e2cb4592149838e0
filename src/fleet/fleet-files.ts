/**
 * What `weir fleet init` writes: for the server its configuration, for each member a folder that holds all it
 * needs, to be taken to its machine; and for whoever runs the fleet who its members are.
 *
 * ```
 * DIR/nats-server.conf  trust.json  roster.json   owner.key (0600)
 * DIR/NAME/nats.nk  signing.key  (0600)   trust.json  fleet.yaml
 * ```
 *
 * Nothing is written over: keys that are gone cannot be had back. Members that come later are for `fleet-folder.ts`.
 */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { ownerFile, pemOf } from './fleet-folder.ts';
import { makeMember, memberSection } from './member-files.ts';
import { changedRoster, encodeRoster, serverUsers, trustText } from './roster-file.ts';
import { serverConfig } from './server-config.ts';

export type FleetPlan = {
  readonly fleet: string;
  readonly nodes: readonly string[];
  readonly orchestrators: readonly string[];
  readonly nats: { readonly host: string; readonly port: number };
};

type NewFile = { readonly path: string; readonly content: string; readonly isSecret: boolean };

/** Returns the files that were written. Throws FLEET_FILE_EXISTS before the first of them. */
export async function writeFleetFiles(folder: string, plan: FleetPlan): Promise<string[]> {
  if (existsSync(join(folder, 'trust.json'))) throw exists(join(folder, 'trust.json'));
  const files = filesOf(folder, plan);
  const members = [...plan.nodes, ...plan.orchestrators];
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The folder of a member is its lock: two that init at once cannot both make it.
    for (const member of members) await mkdir(join(folder, member), { mode: 0o700 });
    for (const { path, content, isSecret } of files)
      await writeFile(path, content, { mode: isSecret ? 0o600 : 0o644, flag: 'wx' });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw exists(path ?? folder);
    throw new WeirError('STATE_UNUSABLE', `cannot write to ${folder}: ${describeError(error)}`, {
      cause: error,
    });
  }
  return files.map(({ path }) => path);
}

const exists = (path: string): WeirError =>
  new WeirError('FLEET_FILE_EXISTS', `${path} exists, and keys are never written over`, {
    details: ['name another folder with --dir, or let this fleet grow with "weir fleet add"'],
  });

function filesOf(folder: string, { fleet, nodes, orchestrators, nats }: FleetPlan): NewFile[] {
  const made = [
    ...nodes.map((id) => makeMember(id, 'node')),
    ...orchestrators.map((id) => makeMember(id, 'orchestrator')),
  ];
  const { host, port } = nats;
  const servers = [`nats://${host.includes(':') ? `[${host}]` : host}:${port}`];
  const members = made.map(({ member }) => member);
  const roster = changedRoster(
    { format: 1, fleet, version: 0, servers, members, stolen: [], history: [] },
    { what: `made with ${members.map(({ id }) => id).join(', ')}`.slice(0, 500) },
    new Date().toISOString(),
  );
  const ownerKey = generateKeyPairSync('ed25519').privateKey;
  const trust = trustText(roster, ownerKey);
  const open = (path: string, content: string): NewFile => ({ path, content, isSecret: false });
  const secret = (path: string, content: string): NewFile => ({ path, content, isSecret: true });
  return [
    ...made.flatMap(({ member: { id }, seed, signingKey }) => [
      secret(join(folder, id, 'nats.nk'), `${seed}\n`),
      secret(join(folder, id, 'signing.key'), signingKey),
      open(
        join(folder, id, 'fleet.yaml'),
        memberSection(fleet, { id, region: null, tags: [] }, servers),
      ),
      open(join(folder, id, 'trust.json'), trust),
    ]),
    secret(join(folder, ownerFile), pemOf(ownerKey)),
    open(join(folder, 'trust.json'), trust),
    open(join(folder, 'nats-server.conf'), serverConfig(fleet, nats, serverUsers(roster))),
    // Last: a folder that has it is whole.
    open(join(folder, 'roster.json'), encodeRoster(roster)),
  ];
}
