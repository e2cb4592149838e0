/** What a member of a fleet is given: its keys, and the section of its configuration. */
import { generateKeyPairSync } from 'node:crypto';
import { makeUserKey } from '#core/nkey.ts';
import { publicKeyText } from '#decisions/trust.ts';
import type { RosterMember } from './roster-file.ts';

export type NewMember = {
  readonly id: string;
  readonly role: 'node' | 'orchestrator';
  readonly region: string | null;
  readonly tags: readonly string[];
  /** Null: those of the others. */
  readonly servers: readonly string[] | null;
};

export type MadeMember = {
  readonly member: RosterMember;
  /** Secrets, for its folder alone. */
  readonly seed: string;
  readonly signingKey: string;
};

export function makeMember(id: string, role: NewMember['role']): MadeMember {
  const user = makeUserKey();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    member: {
      ...{ id, role, key: publicKeyText(publicKey), nats: user.publicKey },
      may: role === 'node' ? ['block'] : ['block', 'command', 'rollout'],
    },
    seed: user.seed,
    signingKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Names in it belong to the folder of the file it is put into. */
export function memberSection(
  fleet: string,
  { id, region, tags }: Pick<NewMember, 'id' | 'region' | 'tags'>,
  servers: readonly string[],
): string {
  const list = (texts: readonly string[]) => texts.map((text) => JSON.stringify(text)).join(', ');
  return `fleet:
  name: ${fleet}
  nodeId: ${id}
  nats: [${list(servers)}]
  auth: { nkeyFile: nats.nk }
  signingKey: signing.key
  trust: trust.json
${region === null ? '' : `  region: ${JSON.stringify(region)}\n`}${tags.length === 0 ? '' : `  tags: [${list(tags)}]\n`}`;
}
