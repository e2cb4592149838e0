/**
 * What `weir fleet init` writes: for the server its configuration, for each member a folder that holds all it
 * needs, to be taken to its machine.
 *
 * ```
 * DIR/nats-server.conf   trust.json
 * DIR/NAME/nats.nk  signing.key  (0600)   trust.json  fleet.yaml
 * ```
 *
 * Nothing is written over: keys that are gone cannot be had back.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { makeUserKey } from './nkey.ts';
import { type ServerUser, serverConfig } from './server-config.ts';

export type FleetPlan = {
  readonly fleet: string;
  readonly nodes: readonly string[];
  readonly orchestrators: readonly string[];
  readonly nats: { readonly host: string; readonly port: number };
};

type NewFile = { readonly path: string; readonly content: string; readonly isSecret: boolean };

/** Returns the files that were written. Throws FLEET_FILE_EXISTS before the first of them. */
export async function writeFleetFiles(folder: string, plan: FleetPlan): Promise<string[]> {
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
    if (code === 'EEXIST')
      throw new WeirError('FLEET_FILE_EXISTS', `${path} exists, and keys are never written over`, {
        details: ['name another folder with --dir'],
      });
    throw new WeirError('STATE_UNUSABLE', `cannot write to ${folder}: ${describeError(error)}`, {
      cause: error,
    });
  }
  return files.map(({ path }) => path);
}

function filesOf(folder: string, { fleet, nodes, orchestrators, nats }: FleetPlan): NewFile[] {
  const files: NewFile[] = [];
  const users: ServerUser[] = [];
  const trusted: object[] = [];
  const members = [
    ...nodes.map((id) => ({ id, role: 'node' as const })),
    ...orchestrators.map((id) => ({ id, role: 'orchestrator' as const })),
  ];
  for (const { id, role } of members) {
    const user = makeUserKey();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    users.push({ id, role, publicKey: user.publicKey });
    trusted.push({
      id,
      role,
      key: raw.toString('base64'),
      may: role === 'node' ? ['block'] : ['block', 'command', 'rollout'],
    });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    files.push(
      { path: join(folder, id, 'nats.nk'), content: `${user.seed}\n`, isSecret: true },
      { path: join(folder, id, 'signing.key'), content: pem, isSecret: true },
      { path: join(folder, id, 'fleet.yaml'), content: section(fleet, id, nats), isSecret: false },
    );
  }
  const trust = `${JSON.stringify({ fleet, members: trusted }, null, 2)}\n`;
  for (const place of ['', ...members.map(({ id }) => id)])
    files.push({ path: join(folder, place, 'trust.json'), content: trust, isSecret: false });
  files.push({
    path: join(folder, 'nats-server.conf'),
    content: serverConfig(fleet, nats, users),
    isSecret: false,
  });
  return files;
}

/** Names in it belong to the folder of the file it is put into. */
function section(fleet: string, id: string, { host, port }: FleetPlan['nats']): string {
  const address = host.includes(':') ? `[${host}]` : host;
  return `fleet:
  name: ${fleet}
  nodeId: ${id}
  nats: ["nats://${address}:${port}"]
  auth: { nkeyFile: nats.nk }
  signingKey: signing.key
  trust: trust.json
`;
}
