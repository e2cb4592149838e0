/**
 * The folder of a fleet after `weir fleet init`: members come and go, and an older Weir's files are brought up to date.
 *
 * ```
 * lock ─► roster.json as it is ─► the next one ─► texts of all files ─► keys of a new member ─► roster.json
 *                                                                  ─► trust.json, nats-server.conf, copies
 * ```
 *
 * Everything that can be wrong is found before the first byte is written. `roster.json` is the point from which a
 * change counts: what comes after it is made from it, and `weir fleet update` makes it again where that was cut short.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { parseTrust } from '#decisions/trust.ts';
import { lockFolder, readIfThere, replaceFile, syncFolder, writeNewFile } from './folder-files.ts';
import { makeMember, memberSection, type NewMember } from './member-files.ts';
import {
  changedRoster,
  encodeRoster,
  parseRoster,
  presentMembers,
  type RosterFile,
  type RosterMember,
  serverUsers,
  trustText,
} from './roster-file.ts';
import { serverConfig } from './server-config.ts';
import { usersOf, withUsers } from './server-users.ts';

export const ownerFile = 'owner.key';
const rosterName = 'roster.json';
const trustName = 'trust.json';
const serverName = 'nats-server.conf';
const leftFolder = 'removed';

export type FileChange = { readonly path: string; readonly before: string; readonly after: string };

export type FolderChange = {
  readonly fleet: string;
  readonly version: number;
  /** What was written, or would be; secrets are not among them. */
  readonly files: readonly FileChange[];
  /** Members believe no roster yet: they have to be given this one by hand, once. */
  readonly isNewOwner: boolean;
};

/** Throws FLEET_FOLDER_INVALID, FLEET_MEMBER_EXISTS and what files throw; nothing is changed then. */
export async function addMember(folder: string, wanted: NewMember): Promise<FolderChange> {
  using _ = lockFolder(folder);
  const { roster, ownerKey } = readFolder(folder);
  const known = roster.members.find(({ id }) => id === wanted.id);
  if (known !== undefined)
    throw new WeirError(
      'FLEET_MEMBER_EXISTS',
      known.retired === undefined
        ? `${wanted.id} is a member of ${roster.fleet}`
        : `${wanted.id} left at ${known.retired}, and what it decided until then still counts`,
      { details: ['give the new one a name of its own'] },
    );
  const place = join(folder, wanted.id);
  if (existsSync(place))
    throw new WeirError('FLEET_FILE_EXISTS', `${place} exists, and keys are never written over`, {
      details: ['it is of no member; move it away, or give the new one another name'],
    });
  const made = makeMember(wanted.id, wanted.role);
  const next = changedRoster(
    roster,
    {
      members: [...roster.members, made.member],
      what: `added ${wanted.id} (${wanted.role}${wanted.region === null ? '' : `, ${wanted.region}`})`,
    },
    new Date().toISOString(),
  );
  const planned = planOf(folder, next, ownerKey);
  try {
    await mkdir(place, { mode: 0o700 });
  } catch (error) {
    throw new WeirError('STATE_UNUSABLE', `cannot write to ${folder}: ${describeError(error)}`);
  }
  try {
    await writeNewFile(join(place, 'nats.nk'), `${made.seed}\n`, 0o600);
    await writeNewFile(join(place, 'signing.key'), made.signingKey, 0o600);
    await writeNewFile(join(place, trustName), planned.trust, 0o644);
    const section = memberSection(next.fleet, wanted, wanted.servers ?? next.servers);
    await writeNewFile(join(place, 'fleet.yaml'), section, 0o644);
    await syncFolder(place);
    await writeRoster(folder, next);
  } catch (error) {
    // Nobody knows these keys yet.
    await rm(place, { recursive: true, force: true });
    throw error;
  }
  await writeFiles(planned.files);
  return { fleet: next.fleet, version: next.version, files: planned.files, isNewOwner: false };
}

/**
 * In peace: what it issued until now holds until it ends. `stolenSince`: nothing it signed counts, and its keys are
 * never taken again. Throws FLEET_MEMBER_UNKNOWN, FLEET_FOLDER_INVALID and what files throw.
 */
export async function removeMember(
  folder: string,
  id: string,
  stolenSince: string | null,
): Promise<FolderChange & { readonly movedTo: string | null }> {
  using _ = lockFolder(folder);
  const { roster, ownerKey } = readFolder(folder);
  const member = roster.members.find((one) => one.id === id);
  if (member === undefined || (member.retired !== undefined && stolenSince === null))
    throw new WeirError(
      'FLEET_MEMBER_UNKNOWN',
      member === undefined
        ? `${roster.fleet} has no member ${id}`
        : `${id} left already, at ${member.retired}`,
      { details: [`it has ${namesOf(roster)}`] },
    );
  const others = roster.members.filter((one) => one.id !== id);
  if (!others.some(({ retired }) => retired === undefined))
    throw new WeirError('FLEET_FOLDER_INVALID', `${id} is the only member of ${roster.fleet}`, {
      details: ['add another one first; a fleet that is no longer wanted needs its folder no more'],
    });
  const now = new Date().toISOString();
  const { nats, key } = member;
  const next = changedRoster(
    roster,
    stolenSince === null
      ? {
          members: roster.members.map((one) => (one.id === id ? { ...one, retired: now } : one)),
          what: `removed ${id}`,
        }
      : {
          members: others,
          stolen: [
            ...roster.stolen,
            { id, key, since: stolenSince, ...(nats === undefined ? {} : { nats }) },
          ],
          what: `removed ${id}, stolen since ${stolenSince}`,
        },
    now,
  );
  const planned = planOf(folder, next, ownerKey);
  await writeRoster(folder, next);
  await writeFiles(planned.files);
  const movedTo = await moveAway(folder, id, next.version);
  return {
    fleet: next.fleet,
    version: next.version,
    files: planned.files,
    isNewOwner: false,
    movedTo,
  };
}

/** Makes what an older Weir, or a change that was cut short, has left undone. `dryRun`: only says what would change. */
export async function updateFolder(folder: string, dryRun: boolean): Promise<FolderChange> {
  using _ = lockFolder(folder);
  const ownerText = readIfThere(join(folder, ownerFile));
  const rosterText = readIfThere(join(folder, rosterName));
  if (rosterText !== null && ownerText === null) throw noOwner(folder);
  const roster =
    rosterText === null ? rosterBefore(folder) : parseRoster(rosterText, join(folder, rosterName));
  const made = ownerText === null ? generateKeyPairSync('ed25519').privateKey : null;
  const ownerKey = made ?? ownerKeyOf(ownerText ?? '', folder);
  const members = presentMembers(roster.members, Date.now());
  const isOlder = rosterText === null;
  const isNew =
    isOlder || members.length < roster.members.length || isEdited(folder, roster, ownerKey);
  const what = isOlder ? 'made from the files of an older Weir' : 'updated';
  const next = isNew ? changedRoster(roster, { members, what }, new Date().toISOString()) : roster;
  const planned = planOf(folder, next, ownerKey);
  const path = join(folder, rosterName);
  const first = { path, before: rosterText ?? '', after: encodeRoster(next) };
  const files = isNew ? [first, ...planned.files] : planned.files;
  if (!dryRun) {
    if (made !== null) await writeNewFile(join(folder, ownerFile), pemOf(made), 0o600);
    await writeFiles(files);
  }
  return { fleet: next.fleet, version: next.version, files, isNewOwner: made !== null };
}

/** By hand, after its version was written: members have to hear of it under another one. */
function isEdited(folder: string, roster: RosterFile, ownerKey: KeyObject): boolean {
  const text = readIfThere(join(folder, trustName)) ?? '';
  const isOfThisVersion = new RegExp(`^  "version": ${roster.version},$`, 'm').test(text);
  return isOfThisVersion && text !== trustText(roster, ownerKey);
}

export const pemOf = (key: KeyObject): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The trust file as its members are to have it. Throws FLEET_FOLDER_INVALID. */
export function readSignedTrust(folder: string): string {
  const path = join(folder, trustName);
  const text = readIfThere(path);
  if (text === null) throw notAFolder(folder);
  if (parseTrust(text, path).roster === null) throw olderFolder(folder);
  return text;
}

function readFolder(folder: string): { readonly roster: RosterFile; readonly ownerKey: KeyObject } {
  const path = join(folder, rosterName);
  const text = readIfThere(path);
  if (text === null)
    throw readIfThere(join(folder, trustName)) === null ? notAFolder(folder) : olderFolder(folder);
  const roster = parseRoster(text, path);
  const owner = readIfThere(join(folder, ownerFile));
  if (owner === null) throw noOwner(folder);
  return { roster, ownerKey: ownerKeyOf(owner, folder) };
}

const notAFolder = (folder: string): WeirError =>
  new WeirError('FLEET_FOLDER_INVALID', `${folder} is no folder that "weir fleet init" made`, {
    details: ['name it with --dir'],
  });
const olderFolder = (folder: string): WeirError =>
  new WeirError(
    'FLEET_FOLDER_INVALID',
    `${folder} was made by an older Weir: it has no ${rosterName}`,
    {
      details: [`weir fleet update --dir ${folder}`],
    },
  );
const noOwner = (folder: string): WeirError =>
  new WeirError(
    'FLEET_FOLDER_INVALID',
    `${folder} has no ${ownerFile}, which signs what members believe`,
    {
      details: ['put it back from a copy: members take no roster that another key has signed'],
    },
  );

function ownerKeyOf(pem: string, folder: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const why = `${join(folder, ownerFile)} holds no private key in PEM: ${describeError(error)}`;
    throw new WeirError('FLEET_KEY_UNUSABLE', why, { cause: error });
  }
}

const namesOf = ({ members }: RosterFile): string =>
  members
    .filter(({ retired }) => retired === undefined)
    .slice(0, 20)
    .map(({ id }) => id)
    .join(', ');

/** All that follows from a roster and differs from what is there. */
function planOf(
  folder: string,
  roster: RosterFile,
  ownerKey: KeyObject,
): { readonly trust: string; readonly files: readonly FileChange[] } {
  const trust = trustText(roster, ownerKey);
  const server = join(folder, serverName);
  const config = readIfThere(server);
  const users = serverUsers(roster);
  const wanted: [path: string, before: string | null, after: string][] = [
    [join(folder, trustName), readIfThere(join(folder, trustName)), trust],
    [
      server,
      config,
      config === null
        ? serverConfig(roster.fleet, listenOf(roster), users)
        : withUsers(config, roster.fleet, users, server),
    ],
  ];
  for (const { id } of roster.members) {
    const copy = join(folder, id, trustName);
    const before = readIfThere(copy);
    if (before !== null) wanted.push([copy, before, trust]);
  }
  return {
    trust,
    files: wanted.flatMap(([path, before, after]) =>
      before === after ? [] : [{ path, before: before ?? '', after }],
    ),
  };
}

/** Where the first server is, for a configuration that is made anew. */
function listenOf({ servers }: RosterFile): { host: string; port: number } {
  const { hostname, port } = new URL(servers[0] ?? 'nats://127.0.0.1:4222');
  return { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) };
}

async function writeRoster(folder: string, roster: RosterFile): Promise<void> {
  await replaceFile(join(folder, rosterName), encodeRoster(roster));
}

async function writeFiles(files: readonly FileChange[]): Promise<void> {
  for (const { path, after } of files) await replaceFile(path, after);
}

/** Keys are kept, where nobody takes them for a member's. */
async function moveAway(folder: string, id: string, version: number): Promise<string | null> {
  const place = join(folder, id);
  if (!existsSync(place)) return null;
  const target = join(folder, leftFolder, `${id}-${version}`);
  await mkdir(join(folder, leftFolder), { recursive: true, mode: 0o700 });
  await rename(place, target);
  return target;
}

/** Of a folder without a roster: members and rights from the trust file, their NATS keys from the server's. */
function rosterBefore(folder: string): RosterFile {
  const path = join(folder, trustName);
  const text = readIfThere(path);
  const server = join(folder, serverName);
  const config = readIfThere(server);
  if (text === null || config === null) throw notAFolder(folder);
  parseTrust(text, path);
  const trust = JSON.parse(text) as { fleet: string; members: Omit<RosterMember, 'nats'>[] };
  const users = usersOf(config);
  const lost = trust.members.filter(({ id, retired }) => !users.has(id) && retired === undefined);
  if (lost.length > 0)
    throw new WeirError(
      'FLEET_FOLDER_INVALID',
      `${server} has no user for ${lost.map(({ id }) => id).join(', ')}, which ${path} names`,
      { details: ['each user stands after a comment with its name: "# edge-1, node"'] },
    );
  const members = trust.members.map((member) => {
    const nats = users.get(member.id);
    return nats === undefined ? member : { ...member, nats };
  });
  const servers = serversOf(folder, config);
  return {
    ...{ format: 1, fleet: trust.fleet, version: 0, servers, members, stolen: [], history: [] },
  };
}

/** As a member's own file names them, else as the server listens. */
function serversOf(folder: string, config: string): string[] {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name, 'fleet.yaml');
    const section = existsSync(file) ? readIfThere(file) : null;
    const found = section?.match(/(?:nats|tls):\/\/[^"\s/@,\]]+:[0-9]{1,5}/g);
    if (found !== null && found !== undefined) return [...found];
  }
  const listen = /^\s*listen\s*[:=]?\s*"?([^"\s]+:[0-9]{1,5})"?/m.exec(config)?.[1];
  return [`nats://${listen ?? '127.0.0.1:4222'}`];
}
