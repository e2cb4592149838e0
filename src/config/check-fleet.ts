/**
 * `fleet`: keys that are there and that nobody else reads, a trust file this member stands in with the key
 * it has, one way to be known to the server.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describeError, WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { parseNatsCredentials } from '#core/nats-credentials.ts';
import { publicKeyOfSeed } from '#core/nkey.ts';
import { type Member, publicKeyText, readTrust, type Trust } from '#decisions/trust.ts';
import { pemCertificates } from './check-certificates.ts';
import { type Draft, present } from './draft.ts';
import type { FleetConfig } from './fleet-schema.ts';
import type { Say } from './problem.ts';

/** Secrets are short; whatever is longer is some other file. */
const secretBytesMax = 65_536;

export async function checkFleet(
  fleet: Draft<FleetConfig> | undefined,
  role: Member['role'],
  say: Say,
): Promise<void> {
  if (fleet === undefined) return;
  const path = 'fleet';
  checkServers(fleet, say, path);
  await checkAuth(fleet, say, `${path}.auth`);
  await checkTls(fleet, say, `${path}.tls`);
  const trust = checkTrust(fleet, role, say, path);
  await checkSigningKey(fleet, trust, say, `${path}.signingKey`);
  for (const [index, text] of present(fleet.neverBlock))
    if (parseCidr(text) === null)
      say(
        `${path}.neverBlock[${index}]`,
        `${JSON.stringify(text)} is neither an address nor a CIDR range`,
        'for example 10.0.0.0/8 or 2001:db8::1',
      );
}

async function checkAuth(fleet: Draft<FleetConfig>, say: Say, path: string): Promise<void> {
  const { auth } = fleet;
  if (auth === undefined) return;
  const ways = [auth.nkeyFile, auth.credsFile, auth.tokenFile, auth.user].filter(
    (way) => way !== undefined,
  );
  if (ways.length !== 1)
    say(
      path,
      ways.length === 0 ? 'says nothing' : `says ${ways.length} ways at once`,
      'give one of nkeyFile, credsFile, tokenFile, or user with passwordFile',
    );
  if ((auth.user === undefined) !== (auth.passwordFile === undefined))
    say(path, 'user and passwordFile go together', 'give both, or neither');
  for (const key of ['nkeyFile', 'credsFile', 'tokenFile', 'passwordFile'] as const) {
    const file = auth[key];
    if (file === undefined) continue;
    const text = await readSecret(file, `${path}.${key}`, say);
    if (text === null) continue;
    if (key === 'nkeyFile' && publicKeyOfSeed(text.trim()) === null)
      say(
        `${path}.nkeyFile`,
        `${file} holds no seed of an nkey user`,
        'it is one line that begins with SU, unchanged; "weir fleet init" makes one',
      );
    if (key === 'credsFile') checkCredentials(file, text, `${path}.credsFile`, say);
    if ((key === 'tokenFile' || key === 'passwordFile') && text.trim() === '')
      say(`${path}.${key}`, `${file} is empty`);
  }
}

function checkCredentials(file: string, text: string, path: string, say: Say): void {
  const read = parseNatsCredentials(text);
  if (!read.ok) {
    say(path, `${file} ${read.problem}`, 'take the file as nsc wrote it: nsc generate creds');
    return;
  }
  const { name, expiresAtMs } = read.credentials;
  if (expiresAtMs !== null && expiresAtMs <= Date.now())
    say(
      path,
      `${file} has the credentials of ${name} until ${new Date(expiresAtMs).toISOString()}, which is over`,
      'have the account sign new ones: nsc edit user, nsc generate creds',
    );
}

async function checkTls(fleet: Draft<FleetConfig>, say: Say, path: string): Promise<void> {
  const { tls } = fleet;
  if (tls === undefined) return;
  if ((tls.cert === undefined) !== (tls.key === undefined))
    say(path, 'cert and key go together', 'give both, or neither');
  for (const key of ['ca', 'cert'] as const) {
    const file = tls[key];
    if (file === undefined) continue;
    try {
      if (pemCertificates(await readFile(file, 'latin1')).length === 0)
        say(`${path}.${key}`, `${file} holds no PEM certificate`);
    } catch (error) {
      say(`${path}.${key}`, `${file} cannot be read: ${describeError(error)}`);
    }
  }
  if (tls.key === undefined) return;
  const key = await readSecret(tls.key, `${path}.key`, say);
  const cert = tls.cert === undefined ? null : await readFile(tls.cert).catch(() => null);
  if (key === null || cert === null) return;
  try {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      say(`${path}.key`, `${tls.key} is not the key of the certificate in ${tls.cert}`);
  } catch (error) {
    say(`${path}.key`, `${tls.key} holds no private key in PEM: ${describeError(error)}`);
  }
}

function checkServers({ nats, advertise }: Draft<FleetConfig>, say: Say, path: string): void {
  for (const [index, url] of present(nats)) {
    const isPort = isPortNumber(url);
    if (!isPort) say(`${path}.nats[${index}]`, `${url} has no port from 1 to 65535`);
    else if (nats?.indexOf(url) !== index)
      say(`${path}.nats[${index}]`, `${url} is there twice`, 'name each server once');
  }
  if (advertise !== undefined && !isPortNumber(advertise))
    say(`${path}.advertise`, `${advertise} has no port from 1 to 65535`);
}

function isPortNumber(address: string): boolean {
  const port = Number(/:([0-9]+)$/.exec(address)?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
}

function checkTrust(
  fleet: Draft<FleetConfig>,
  role: Member['role'],
  say: Say,
  path: string,
): Trust | null {
  const { trust: file, name, nodeId } = fleet;
  if (file === undefined) return null;
  let trust: Trust;
  try {
    trust = readTrust(file);
  } catch (error) {
    const details = error instanceof WeirError ? error.details : [];
    say(`${path}.trust`, details.length > 1 ? details.join('; ') : describeError(error));
    return null;
  }
  if (name !== undefined && trust.fleet !== name)
    say(`${path}.name`, `is ${name}, and ${file} is of the fleet ${trust.fleet}`);
  if (nodeId !== undefined && trust.member(nodeId) === null) {
    const known = trust.members.slice(0, 10).map(({ id }) => id);
    say(`${path}.nodeId`, `${nodeId} is no member in ${file}`, `it has ${known.join(', ')}`);
  }
  const member = nodeId === undefined ? null : trust.member(nodeId);
  if (member !== null && member.role !== role) {
    const names = trust.members.flatMap((one) => (one.role === role ? [one.id] : []));
    const what = { node: 'an edge', orchestrator: 'an orchestrator' };
    say(
      `${path}.nodeId`,
      `${nodeId} is ${what[member.role]} in ${file}, and this is the configuration of ${what[role]}`,
      `name one of ${names.slice(0, 10).join(', ')}, or make one: weir fleet add NAME --kind ${role === 'node' ? 'edge' : role}`,
    );
  }
  if (member !== null && member.retiredAtMs < Number.POSITIVE_INFINITY)
    say(
      `${path}.nodeId`,
      `${nodeId} left the fleet at ${new Date(member.retiredAtMs).toISOString()}: nobody takes what it decides`,
      'take the fleet section out, or give it the files of a new member: weir fleet add',
    );
  return trust;
}

async function checkSigningKey(
  fleet: Draft<FleetConfig>,
  trust: Trust | null,
  say: Say,
  path: string,
): Promise<void> {
  const { signingKey: file, nodeId } = fleet;
  if (file === undefined) return;
  const text = await readSecret(file, path, say);
  if (text === null) return;
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== 'ed25519') {
      say(path, `${file} holds a key of another kind (${key.asymmetricKeyType})`, 'Ed25519 it is');
      return;
    }
    const member = nodeId === undefined ? null : (trust?.member(nodeId) ?? null);
    if (member !== null && publicKeyText(member.key) !== publicKeyText(createPublicKey(key)))
      say(
        path,
        `${file} is not the key the trust file has for ${nodeId}: the others would refuse what it signs`,
        'name the key that belongs to this member, or give the trust file its public key',
      );
  } catch (error) {
    say(path, `${file} holds no private key in PEM: ${describeError(error)}`);
  }
}

/** Null, and said, where it cannot be read or others can read it too. */
async function readSecret(file: string, path: string, say: Say): Promise<string | null> {
  try {
    const { mode, size } = await stat(file);
    if (size > secretBytesMax) {
      say(path, `${file} is too long for a secret (${size} bytes)`);
      return null;
    }
    if ((mode & 0o077) !== 0) {
      say(path, `${file} can be read by others than its owner`, `chmod 600 ${file}`);
      return null;
    }
    return await readFile(file, 'latin1');
  } catch (error) {
    say(path, `${file} cannot be read: ${describeError(error)}`, '"weir fleet init" makes keys');
    return null;
  }
}
